//! The totals of the process, with sparklines of their recent history.

use super::{BOLD, Palette, cells, line, shown};
use crate::console::fleet_line::{self, Part};
use crate::console::forward_table::{alert, new_sessions};
use crate::console::overview::uptime;
use crate::console::screen::Colour;
use crate::console::units::{bytes, rate, seconds};
use crate::console::version;
use crate::top::history::Trend;
use crate::top::model::Model;
use api::{Condition, Fleet, ProcessState, Status};
use plan::counted;
use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};
use ratatui::widgets::Sparkline;

/// The widths of the name, rate and total columns, with the gaps after them.
const NAME: usize = 10;
const RATE: usize = 12;
const TOTAL: usize = 18;

pub(super) fn draw(frame: &mut Frame<'_>, area: Rect, model: &Model, palette: Palette) {
    let Model { status, history, .. } = model;
    let rates = status.rates;
    let sessions = format!("{} of {}", status.sessions, status.max_sessions);
    let full = alert(&status.attention, Condition::SessionsFull);
    let rows: [(&str, String, String, Style, &Trend); 3] = [
        (
            "up",
            rate(rates.map(|rates| rates.bytes_up)),
            bytes(status.bytes_up),
            Style::new(),
            &history.up,
        ),
        (
            "down",
            rate(rates.map(|rates| rates.bytes_down)),
            bytes(status.bytes_down),
            Style::new(),
            &history.down,
        ),
        (
            "sessions",
            format!("{} new/s", new_sessions(rates)),
            sessions,
            palette.style(full),
            &history.sessions,
        ),
    ];
    let mut lines = area.rows();
    if let Some(area) = lines.next() {
        line(frame, area, heading(model, palette, area.width));
    }
    for ((name, rate, total, style, trend), area) in rows.into_iter().zip(lines.by_ref()) {
        let text = Line::from(vec![
            Span::raw(format!("{name:NAME$}{rate:>RATE$}")),
            Span::styled(format!("{total:>TOTAL$}"), style),
        ]);
        line(frame, area, text);
        draw_trend(frame, area, trend, palette);
    }
    if let Some(fleet) = &status.fleet
        && let Some(area) = lines.next()
    {
        line(frame, area, fleet_line(fleet, palette, area.width));
    }
    if let Some(area) = lines.next() {
        line(frame, area, usage(status, palette));
    }
}

fn fleet_line(fleet: &Fleet, palette: Palette, width: u16) -> Line<'static> {
    let mut line = Line::from(format!("{:NAME$}", "fleet"));
    for Part { text, colour } in fleet_line::fitted(fleet, usize::from(width).saturating_sub(NAME))
    {
        line.push_span(Span::styled(text, palette.style(colour)));
    }
    line
}

fn draw_trend(frame: &mut Frame<'_>, area: Rect, trend: &Trend, palette: Palette) {
    let used = cells(NAME + RATE + TOTAL + 2, area.width);
    let area = Rect { x: area.x + used, width: area.width - used, ..area };
    let data: Vec<_> = trend.last(usize::from(area.width)).collect();
    let style = palette.style(Some(Colour::Good));
    frame.render_widget(Sparkline::default().data(data).style(style), area);
}

/// The state of the process, in the words of `status`. A narrow terminal has no room for the path of the
/// configuration, the build, the version, the process id and the generation, in this order.
fn heading(model: &Model, palette: Palette, width: u16) -> Line<'static> {
    const ALL: usize = 5;
    let mut lines = (0..ALL).map(|left_out| heading_without(left_out, model, palette));
    let fitting = lines.find(|line| line.width() <= width.into());
    fitting.unwrap_or_else(|| heading_without(ALL, model, palette))
}

fn heading_without(left_out: usize, model: &Model, palette: Palette) -> Line<'static> {
    let Status { state, pid, generation, .. } = &model.status;
    let state_style = if model.is_absent() {
        palette.style(Some(Colour::Bad))
    } else {
        let is_serving = *state == ProcessState::Serving;
        palette.style(Some(if is_serving { Colour::Good } else { Colour::Notable }))
    };
    let version = match left_out {
        0 | 1 => version::of(&model.status),
        _ => version::text(&model.status.version, None),
    };
    let rest = [
        Some(uptime(&model.status)),
        (left_out < 4).then(|| format!("pid {pid}")),
        (left_out < 3).then(|| format!("version {version}")),
        (left_out < 5).then(|| format!("generation {generation}")),
    ];
    let mut line = Line::from(vec![
        Span::styled("traffic-forwarder ", BOLD),
        Span::styled(shown(state.as_str()), state_style),
        Span::raw(rest.into_iter().flatten().collect::<Vec<_>>().join(", ")),
    ]);
    if let Some(left) = model.status.confirm_within {
        let text = format!(", on trial: {} left", seconds(left));
        line.push_span(Span::styled(text, palette.style(Some(Colour::Notable))));
    }
    if let Some(config) = model.status.config.as_deref().filter(|_| left_out == 0) {
        line.push_span(Span::raw(format!("  {}", shown(config))));
    }
    line
}

fn usage(status: &Status, palette: Palette) -> Line<'static> {
    let short = alert(&status.attention, Condition::FilesShort);
    let files = format!("{} of {} files", status.open_files, status.open_files_limit);
    let rest = format!(
        ", {}, {} of memory, {}",
        counted(status.pipes, "pipe"),
        bytes(status.resident_memory),
        counted(status.workers, "worker"),
    );
    Line::from(vec![
        Span::raw(format!("{:NAME$}", "uses")),
        Span::styled(files, palette.style(short)),
        Span::raw(rest),
    ])
}
