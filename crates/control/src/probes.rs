//! Probes of targets: connects once to each target that no session has used, at the start and when it is added, so that
//! the log names unreachable targets before a client connects. One task on the control thread.
//!
//! A probe uses the socket options of a session, and is reset before the target's program can accept it
//! ([`discover::connect_once`]). For a Unix socket only the file is checked, because its program would accept the
//! connection.

mod stage;

use discover::connect_once;
use engine::{CheckedAddress, ProbeError, ProbeSettings, ProbedTarget, Recorded, Unprobed};
use flow::Outbound;
use stage::{FIRST_PAUSE, Stage};
use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};
use std::io::ErrorKind;
use std::net::SocketAddr;
use std::os::unix::fs::FileTypeExt as _;
use std::path::Path;
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Duration;
use sys::Errno;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::sync::oneshot;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until, timeout};

/// Most targets that are probed after a start or a reload.
pub(crate) const MOST_TARGETS: usize = 1024;
/// Probes that run at once: within the descriptors that sessions leave to the rest of the process.
const MOST_RUNNING: usize = 16;
/// Longest time for a probe; `connect_timeout` of the forward if that is shorter.
const LONGEST: Duration = Duration::from_secs(5);
/// Pause while there is nothing to do.
const IDLE: Duration = Duration::from_secs(3600);

/// The targets to probe.
pub(crate) struct ProbeList(UnboundedSender<Request>);

enum Request {
    /// Probe these, and use the present settings for the others.
    New(Unprobed),
    /// Probe these again after a pause: they were unreachable in the previous process image.
    Again(Vec<ProbedTarget>),
    /// Probe those whose names, in lower case, could not be resolved before.
    Resolved(HashSet<Arc<str>>),
}

impl ProbeList {
    /// Probes these targets soon. To be called after a reload, too: unreachable targets whose settings have changed are
    /// probed at once.
    pub(crate) fn add(&self, unprobed: Unprobed) {
        self.request(Request::New(unprobed));
    }

    /// Resumes the probes of the previous process image. Schedules re-probes of targets that were unreachable in it.
    pub(crate) fn resume(&self, interrupted: Unprobed) {
        let Unprobed { targets, left_out } = interrupted;
        let (again, targets) = targets.into_iter().partition(ProbedTarget::is_unanswered);
        self.request(Request::Again(again));
        self.request(Request::New(Unprobed { targets, left_out }));
    }

    /// Probes targets that have waited for these names, in lower case, to be resolved.
    pub(crate) fn names_resolved(&self, names: HashSet<Arc<str>>) {
        self.request(Request::Resolved(names));
    }

    fn request(&self, request: Request) {
        // Fails only at the end of the process.
        let _ = self.0.send(request);
    }
}

/// Targets with the same address and socket options, which share a probe.
struct ProbeGroup {
    targets: Vec<ProbedTarget>,
    settings: ProbeSettings,
    stage: Stage,
    /// The thread that has read the file of the Unix socket last. A hung mount may keep it for ever.
    file_check: Option<JoinHandle<()>>,
}

/// The result of a probe.
enum Outcome {
    Connected,
    Failed(ProbeError),
    /// The name of the target could not be resolved, which the resolver logs.
    Unresolved,
}

/// Counts for the line `targets were probed`, which follows the last of the first probes.
#[derive(Default)]
struct Tally {
    running: usize,
    tried: usize,
    failed: usize,
    not_tried: usize,
}

/// The task, before it runs.
pub(crate) struct ProbeTask {
    requests: UnboundedReceiver<Request>,
    waiting: VecDeque<ProbeGroup>,
    running: JoinSet<(ProbeGroup, Outcome)>,
    /// Groups to probe again, by the time of the next probe and a number.
    scheduled: BTreeMap<(Instant, u64), ProbeGroup>,
    next_number: u64,
    /// The first probes since the last line about them.
    tally: Tally,
}

impl ProbeTask {
    /// A task without targets, and the handle that adds them.
    pub(crate) fn new() -> (ProbeList, Self) {
        let (sender, requests) = unbounded_channel();
        let task = Self {
            requests,
            waiting: VecDeque::new(),
            running: JoinSet::new(),
            scheduled: BTreeMap::new(),
            next_number: 0,
            tally: Tally::default(),
        };
        (ProbeList(sender), task)
    }

    /// Probes until the list is dropped.
    pub(crate) async fn run(mut self) {
        loop {
            self.begin();
            let due = self.scheduled.first_key_value().map(|((at, _), _)| *at);
            tokio::select! {
                request = self.requests.recv() => match request {
                    Some(request) => self.on_request(request),
                    None => return,
                },
                Some(Ok((group, outcome))) = self.running.join_next() => {
                    self.on_result(group, &outcome);
                }
                () = sleep_until(due.unwrap_or_else(|| Instant::now() + IDLE)) => {}
            }
        }
    }

    fn on_request(&mut self, request: Request) {
        match request {
            Request::New(Unprobed { targets, left_out }) => {
                self.advance(ProbeGroup::has_changed);
                self.tally.not_tried += left_out;
                self.waiting.extend(grouped(targets, Stage::First));
            }
            Request::Again(targets) => {
                for group in grouped(targets, Stage::First.unreachable()) {
                    self.probe_again(group);
                }
            }
            Request::Resolved(names) => self.advance(|group| group.waits_for(&names)),
        }
    }

    /// Has scheduled groups probed at once.
    fn advance(&mut self, is_due: impl Fn(&ProbeGroup) -> bool) {
        let due = self.scheduled.iter().filter(|(_, group)| is_due(group));
        let due: Vec<_> = due.map(|(at, _)| *at).collect();
        let due = due.iter().filter_map(|at| self.scheduled.remove(at));
        self.waiting.extend(due);
    }

    /// Begins the probes that are due, as far as there are places.
    fn begin(&mut self) {
        let now = Instant::now();
        while let Some(first) = self.scheduled.first_entry().filter(|first| first.key().0 <= now) {
            self.waiting.push_back(first.remove());
        }
        while self.running.len() < MOST_RUNNING
            && let Some(mut group) = self.waiting.pop_front()
        {
            group.retain_wanted();
            if group.has_changed() {
                self.waiting.extend(grouped(group.targets, group.stage.at_once()));
            } else if !group.targets.is_empty() {
                self.tally.running += usize::from(group.is_first());
                self.running.spawn(async move {
                    let outcome = group.probe().await;
                    (group, outcome)
                });
            }
        }
        if self.tally.running == 0 && !self.waiting.iter().any(ProbeGroup::is_first) {
            std::mem::take(&mut self.tally).log();
        }
    }

    fn on_result(&mut self, mut group: ProbeGroup, outcome: &Outcome) {
        let count = group.targets.len();
        self.tally.running -= usize::from(group.is_first());
        let first = if group.is_first() { count } else { 0 };
        let targets = group.targets.iter();
        let results: Vec<Recorded> = match outcome {
            Outcome::Connected => targets.map(ProbedTarget::answered).collect(),
            Outcome::Failed(error) => targets.map(|target| target.failed(*error)).collect(),
            Outcome::Unresolved => {
                self.tally.tried += first;
                self.tally.failed += first;
                group.stage = group.stage.unresolved();
                self.probe_again(group);
                return;
            }
        };
        if results.contains(&Recorded::NoResources) {
            // The host lacks descriptors or memory: leave them to sessions.
            self.tally.not_tried += first;
            self.put_off(group);
            let (again, first): (VecDeque<ProbeGroup>, VecDeque<_>) =
                self.waiting.drain(..).partition(|it| !it.is_first());
            self.waiting = again;
            self.tally.not_tried += first.iter().map(|it| it.targets.len()).sum::<usize>();
            for group in first {
                self.put_off(group);
            }
        } else if results.contains(&Recorded::QueueFull) {
            self.schedule(group, FIRST_PAUSE);
        } else {
            self.tally.tried += first;
            if matches!(outcome, Outcome::Failed(_)) {
                self.tally.failed += first;
                group.targets.retain(ProbedTarget::is_unanswered);
                group.stage = group.stage.unreachable();
                self.probe_again(group);
            }
        }
    }

    /// Gives up first probes, and schedules others again.
    fn put_off(&mut self, group: ProbeGroup) {
        if group.is_first() {
            group.targets.iter().for_each(ProbedTarget::give_up);
        } else {
            self.probe_again(group);
        }
    }

    /// Schedules the next probe, after a pause.
    fn probe_again(&mut self, mut group: ProbeGroup) {
        let (stage, pause) = group.stage.later();
        group.stage = stage;
        self.schedule(group, pause);
    }

    fn schedule(&mut self, group: ProbeGroup, pause: Duration) {
        // A reload during the probe may have corrected the settings.
        let pause = if group.has_changed() { Duration::ZERO } else { pause };
        self.next_number += 1;
        self.scheduled.insert((Instant::now() + pause, self.next_number), group);
    }
}

impl Tally {
    fn log(self) {
        let Self { running: _, tried, failed, not_tried } = self;
        if failed > 0 || not_tried > 0 {
            tracing::info!(tried, failed, not_tried, "targets were probed");
        } else if tried > 0 {
            tracing::debug!(tried, "targets were probed");
        }
    }
}

/// Groups targets that one probe covers.
fn grouped(targets: Vec<ProbedTarget>, stage: Stage) -> Vec<ProbeGroup> {
    let mut positions = HashMap::new();
    let mut groups: Vec<ProbeGroup> = Vec::new();
    for target in targets {
        let settings = settings_of(&target);
        let position = *positions.entry((target.key(), settings.clone())).or_insert(groups.len());
        if position == groups.len() {
            groups.push(ProbeGroup { targets: Vec::new(), settings, stage, file_check: None });
        }
        groups[position].targets.push(target);
    }
    groups
}

/// The present settings of a target, with the time limit of a probe.
fn settings_of(target: &ProbedTarget) -> ProbeSettings {
    let settings = target.settings();
    ProbeSettings { connect_timeout: settings.connect_timeout.min(LONGEST), ..settings }
}

impl ProbeGroup {
    fn is_first(&self) -> bool {
        self.stage == Stage::First
    }

    /// Whether it has no result yet because one of these names, in lower case, could not be resolved.
    fn waits_for(&self, names: &HashSet<Arc<str>>) -> bool {
        let CheckedAddress::Name(host, _) = self.targets[0].address() else { return false };
        matches!(self.stage, Stage::Unresolved(_)) && names.contains(&*host.to_ascii_lowercase())
    }

    /// Whether a reload has changed the settings of a target.
    fn has_changed(&self) -> bool {
        self.targets.iter().any(|target| settings_of(target) != self.settings)
    }

    /// Keeps the targets for which a probe is useful now.
    fn retain_wanted(&mut self) {
        let stage = self.stage;
        self.targets.retain(|target| {
            if !target.is_wanted() || target.is_drained() {
                target.postpone();
                return false;
            }
            match stage {
                Stage::First => true,
                Stage::Unresolved(_) if target.is_untried() => true,
                // The warning about its sessions has taken over.
                Stage::Unresolved(_) => {
                    target.give_up();
                    false
                }
                Stage::Unreachable(_) => target.is_unanswered(),
            }
        });
    }

    async fn probe(&mut self) -> Outcome {
        let target = &self.targets[0];
        let addresses = match target.address() {
            CheckedAddress::Ip(address) => vec![address],
            CheckedAddress::Unix(path) => {
                let path = path.to_owned();
                return match self.check_file(&path).await {
                    Ok(()) => Outcome::Connected,
                    Err(error) => Outcome::Failed(error),
                };
            }
            CheckedAddress::Name(..) => {
                let (sender, answer) = oneshot::channel();
                target.resolve(Box::new(move |found| _ = sender.send(found)));
                match answer.await {
                    Ok(Ok(found)) if !found.is_empty() => found.to_vec(),
                    _ => return Outcome::Unresolved,
                }
            }
        };
        match self.connect(addresses).await {
            Ok(()) => Outcome::Connected,
            Err(error) => Outcome::Failed(error),
        }
    }

    async fn connect(&self, mut addresses: Vec<SocketAddr>) -> Result<(), ProbeError> {
        addresses.retain(|address| !self.targets[0].leads_back_by(*address));
        if addresses.is_empty() {
            return Err(ProbeError::Loop);
        }
        let nothing = Outbound::default();
        let outbound = self.settings.outbound.as_deref().unwrap_or(&nothing);
        let connected = connect_once(&addresses, outbound, self.settings.connect_timeout);
        connected.await.map_err(|error| match Errno::from_io_error(&error) {
            Some(errno) => ProbeError::Failed(errno),
            None if error.kind() == ErrorKind::TimedOut => ProbeError::TimedOut,
            None => ProbeError::Failed(Errno::IO),
        })
    }

    /// Checks the file of a Unix socket, in a thread: on a hung mount it does not return.
    async fn check_file(&mut self, path: &Path) -> Result<(), ProbeError> {
        if self.file_check.as_ref().is_some_and(|thread| !thread.is_finished()) {
            return Err(ProbeError::TimedOut);
        }
        let (sender, result) = oneshot::channel();
        let (path, leads_back) = (path.to_owned(), self.targets[0].leads_back_at());
        let check = move || {
            let looped = if leads_back(&path) { Err(ProbeError::Loop) } else { Ok(()) };
            let _ = sender.send(looped.and_then(|()| socket_file(&path)));
        };
        // EAGAIN: the host refuses a thread.
        let thread = thread::Builder::new().name("probe".into()).spawn(check);
        self.file_check = Some(thread.map_err(|_| ProbeError::Failed(Errno::NOMEM))?);
        match timeout(self.settings.connect_timeout, result).await {
            Ok(Ok(result)) => result,
            _ => Err(ProbeError::TimedOut),
        }
    }
}

/// Whether the file of a Unix socket is there, with the error that connect(2) would have.
fn socket_file(path: &Path) -> Result<(), ProbeError> {
    match std::fs::metadata(path) {
        Ok(file) if file.file_type().is_socket() => Ok(()),
        Ok(_) => Err(ProbeError::Failed(Errno::CONNREFUSED)),
        Err(error) => Err(ProbeError::Failed(Errno::from_io_error(&error).unwrap_or(Errno::IO))),
    }
}
