//! `--watch`: the same page again and again, whatever happens to the process in between.

use crate::console::failure::Failure;
use crate::console::screen::{Screen, cut};
use crate::console::units::seconds;
use crate::console::version;
use crate::exit::Exit;
use crate::output::{print, written};
use api::Status;
use serde::Serialize;
use std::io;
use std::time::{Duration, Instant};

/// What happened is shown for so long.
pub(crate) const NEWS_LAST: Duration = Duration::from_secs(60);

/// What happened to the process between two answers, if anything did.
pub(crate) fn what_happened(last: &Status, now: &Status, was_gone: bool) -> Option<String> {
    if !is_same_process(last, now) {
        Some(format!("the process was restarted (pid {} -> {})", last.pid, now.pid))
    } else if last.upgrades != now.upgrades {
        let (old, new) = (version::of(last), version::of(now));
        Some(format!("the process was upgraded (version {old} -> {new})"))
    } else if last.generation != now.generation {
        let (old, new) = (last.generation, now.generation);
        Some(format!("the configuration was reloaded (generation {old} -> {new})"))
    } else {
        was_gone.then(|| "the process answers again".to_owned())
    }
}

/// Numbers of sessions begin anew with another process.
pub(crate) fn is_same_process(last: &Status, now: &Status) -> bool {
    (last.pid, &last.started) == (now.pid, &now.started)
}

/// What is shown, and of which process.
pub(crate) struct Page {
    pub(crate) status: Status,
    pub(crate) text: String,
}

/// What happened in between, and when it was noticed.
struct News(Vec<(Instant, String)>);

/// Draws until Ctrl-C. A process that was there and is gone is waited for.
pub(crate) async fn run(
    period: Duration,
    draw: impl AsyncFn(&Screen) -> Result<Page, Failure>,
) -> Result<Exit, Failure> {
    let mut news = News(Vec::new());
    let mut last: Option<Status> = None;
    let mut gone = false;
    loop {
        let screen = Screen::now();
        let drawn = tokio::select! {
            drawn = draw(&screen) => drawn,
            _ = tokio::signal::ctrl_c() => return Ok(Exit::Done),
        };
        let text = match drawn {
            Ok(Page { status, text }) => {
                news.compare(last.as_ref(), &status, gone);
                (last, gone) = (Some(status), false);
                text
            }
            Err(failure) if last.is_some() && failure.is_absence() => {
                gone = true;
                "the process does not answer; waiting for it to come back\n".to_owned()
            }
            // A session ends, a forward is removed: there is nothing more to see.
            Err(failure) => return Err(failure),
        };
        // Nobody who reads it is no failure, but there is nothing more to do.
        if let Err(error) = print(&on_screen(&format!("{}{text}", news.text()), &screen)) {
            return Ok(written(Err(error)));
        }
        tokio::select! {
            () = tokio::time::sleep(period) => {}
            _ = tokio::signal::ctrl_c() => return Ok(Exit::Done),
        }
    }
}

/// Prints an answer for programs in one line, again and again until Ctrl-C. While the process is
/// away, the line says so as an error.
pub(crate) async fn lines<Answer: Serialize>(
    period: Duration,
    ask: impl AsyncFn() -> Result<Answer, Failure>,
) -> Result<Exit, Failure> {
    let mut was_there = false;
    loop {
        let answer = tokio::select! {
            answer = ask() => answer,
            _ = tokio::signal::ctrl_c() => return Ok(Exit::Done),
        };
        let line = match answer {
            Ok(answer) => serde_json::to_string(&answer),
            Err(failure) if was_there && failure.is_absence() => {
                serde_json::to_string(&failure.for_programs())
            }
            Err(failure) => return Err(failure),
        };
        was_there = true;
        let line = line.map_err(io::Error::from);
        if let Err(error) = line.and_then(|line| print(&format!("{line}\n"))) {
            return Ok(written(Err(error)));
        }
        tokio::select! {
            () = tokio::time::sleep(period) => {}
            _ = tokio::signal::ctrl_c() => return Ok(Exit::Done),
        }
    }
}

impl News {
    fn compare(&mut self, last: Option<&Status>, now: &Status, was_gone: bool) {
        let what = last.and_then(|last| what_happened(last, now, was_gone));
        self.0.extend(what.map(|what| (Instant::now(), what)));
    }

    /// One line each, until they are old.
    fn text(&mut self) -> String {
        self.0.retain(|(at, _)| at.elapsed() < NEWS_LAST);
        let line = |(at, what): &(Instant, String)| {
            format!("{} ago: {what}\n", seconds(at.elapsed().as_secs_f64().ceil()))
        };
        self.0.iter().map(line).collect()
    }
}

/// On a terminal in the place of the page before, elsewhere behind it.
fn on_screen(text: &str, screen: &Screen) -> String {
    let Some((width, height)) = screen.size else { return format!("{text}\n") };
    let total = text.lines().count();
    let room = height.saturating_sub(1);
    let shown = if total > room { room.saturating_sub(1) } else { total };
    let mut lines: Vec<String> = text.lines().take(shown).map(|line| fit(line, width)).collect();
    if shown < total {
        lines.push(fit(&format!("… {} more lines", total - shown), width));
    }
    // Each line overwrites the one before, and clears what is left of it: nothing flickers.
    lines.push(String::new());
    format!("\x1b[H{}\x1b[J", lines.join("\x1b[K\n"))
}

/// A line that is wider than the terminal would push others out. Lines with colours are cut already.
fn fit(line: &str, width: usize) -> String {
    if line.contains('\x1b') { line.to_owned() } else { cut(line, width) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_fits_on_the_screen() {
        let screen = Screen { size: Some((5, 4)), colours: false };
        let shown = on_screen("a\nlonger line\nc\nd\n", &screen);
        assert_eq!(shown, "\x1b[Ha\x1b[K\nlong…\x1b[K\n… 2 …\x1b[K\n\x1b[J");
        assert_eq!(on_screen("a\nb\nc\n", &screen), "\x1b[Ha\x1b[K\nb\x1b[K\nc\x1b[K\n\x1b[J");
        let pipe = Screen { size: None, colours: false };
        assert_eq!(on_screen("a\n", &pipe), "a\n\n");
    }
}
