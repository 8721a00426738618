//! Probes of targets: each target that no client has tried is connected to once, after the start and after it is added,
//! so that the log names those that cannot be connected before a client comes. One task on the control thread.
//!
//! A probe takes the way of a session as far as the kernel's options go. The program of a target never sees it: see
//! [`discover::connect_once`]. Of a Unix socket only the file is looked at, since its program would see a connection.

use discover::connect_once;
use engine::{CheckedAddress, ProbedTarget, Unprobed};
use flow::Outbound;
use std::collections::{BTreeMap, HashMap, VecDeque};
use std::os::unix::fs::FileTypeExt as _;
use std::path::Path;
use std::time::Duration;
use sys::Errno;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::sync::oneshot;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};

/// Most targets that are probed after a start or a reload.
pub(crate) const MOST_TARGETS: usize = 1024;
/// Probes that run at once: within the descriptors that sessions leave to the rest of the process.
const MOST_RUNNING: usize = 16;
/// Longest time for a probe; `connect_timeout` of the forward if that is shorter.
const LONGEST: Duration = Duration::from_secs(5);
/// Time until a target that could not be connected is probed again, for the end of the warning. Each further pause is
/// twice as long.
const FIRST_PAUSE: Duration = Duration::from_secs(10);
const LONGEST_PAUSE: Duration = Duration::from_secs(600);
/// Pause while there is nothing to do.
const IDLE: Duration = Duration::from_secs(3600);

/// The targets to probe.
pub(crate) struct ProbeList(UnboundedSender<Request>);

enum Request {
    /// Probe these.
    New(Unprobed),
    /// Probe these again after a pause: a previous process image could not connect them.
    Again(Vec<ProbedTarget>),
}

impl ProbeList {
    /// Probes these targets soon.
    pub(crate) fn add(&self, unprobed: Unprobed) {
        if !unprobed.targets.is_empty() {
            self.request(Request::New(unprobed));
        }
    }

    /// Goes on with the targets that the previous process image could not connect. It has probed the others.
    pub(crate) fn resume(&self, unprobed: Unprobed) {
        let targets = unprobed.targets.into_iter().filter(ProbedTarget::is_unanswered);
        self.request(Request::Again(targets.collect()));
    }

    fn request(&self, request: Request) {
        // Fails only at the end of the process.
        let _ = self.0.send(request);
    }
}

/// Targets of several forwards at one address, to which their sessions connect in one way.
struct Shared {
    targets: Vec<ProbedTarget>,
    /// The pause before this probe, if it is not the first one.
    pause: Option<Duration>,
}

/// The result of a probe.
enum Outcome {
    Connected,
    /// The error; `None` for no answer in time.
    Failed(Option<Errno>),
    /// Its name could not be resolved, which the resolver logs.
    Unresolved,
}

/// Numbers of targets.
#[derive(Default)]
struct Tally {
    tried: usize,
    failed: usize,
    not_tried: usize,
}

/// The task, before it runs.
pub(crate) struct ProbeTask {
    requests: UnboundedReceiver<Request>,
    waiting: VecDeque<Shared>,
    running: JoinSet<(Shared, Outcome)>,
    /// Those that could not be connected, by the time of the next probe and a number.
    failed: BTreeMap<(Instant, u64), Shared>,
    next_number: u64,
    /// The first probes since the last line about them.
    tally: Tally,
}

impl ProbeTask {
    /// A task without targets, and the way to give it some.
    pub(crate) fn new() -> (ProbeList, Self) {
        let (sender, requests) = unbounded_channel();
        let task = Self {
            requests,
            waiting: VecDeque::new(),
            running: JoinSet::new(),
            failed: BTreeMap::new(),
            next_number: 0,
            tally: Tally::default(),
        };
        (ProbeList(sender), task)
    }

    /// Probes until the list is dropped.
    pub(crate) async fn run(mut self) {
        loop {
            self.begin();
            let due = self.failed.first_key_value().map(|((at, _), _)| *at);
            tokio::select! {
                request = self.requests.recv() => match request {
                    Some(request) => self.take(request),
                    None => return,
                },
                Some(Ok((shared, outcome))) = self.running.join_next() => {
                    self.ended(shared, &outcome);
                }
                () = sleep_until(due.unwrap_or_else(|| Instant::now() + IDLE)) => {}
            }
        }
    }

    fn take(&mut self, request: Request) {
        match request {
            Request::New(Unprobed { targets, left_out }) => {
                self.tally.not_tried += left_out;
                self.waiting.extend(shared(targets));
            }
            Request::Again(targets) => {
                for shared in shared(targets) {
                    self.probe_again(shared);
                }
            }
        }
    }

    /// Begins the probes that are due, as far as there are places.
    fn begin(&mut self) {
        let now = Instant::now();
        while let Some(first) = self.failed.first_entry().filter(|first| first.key().0 <= now) {
            self.waiting.push_back(first.remove());
        }
        while self.running.len() < MOST_RUNNING
            && let Some(mut shared) = self.waiting.pop_front()
        {
            // A client has tried it meanwhile, or a reload has removed it.
            let is_first = shared.pause.is_none();
            let is_wanted =
                |target: &ProbedTarget| target.is_wanted() && (is_first || target.is_unanswered());
            shared.targets.retain(is_wanted);
            if !shared.targets.is_empty() {
                self.running.spawn(async move {
                    let outcome = probe(&shared.targets[0]).await;
                    (shared, outcome)
                });
            }
        }
        if self.running.is_empty() && self.waiting.is_empty() {
            std::mem::take(&mut self.tally).log();
        }
    }

    fn ended(&mut self, shared: Shared, outcome: &Outcome) {
        let count = shared.targets.len();
        let first = if shared.pause.is_none() { count } else { 0 };
        let Outcome::Failed(errno) = outcome else {
            if matches!(outcome, Outcome::Connected) {
                shared.targets.iter().for_each(ProbedTarget::answered);
                self.tally.tried += first;
            }
            return;
        };
        let mut said = shared.targets.iter().map(|target| target.failed(*errno));
        if said.any(|is_of_target| !is_of_target) {
            // Sessions need what is missing.
            self.tally.not_tried += first;
            let given_up: VecDeque<Shared>;
            (self.waiting, given_up) = self.waiting.drain(..).partition(|it| it.pause.is_some());
            self.tally.not_tried += given_up.iter().map(|it| it.targets.len()).sum::<usize>();
            if shared.pause.is_some() {
                self.probe_again(shared);
            }
            return;
        }
        self.tally.tried += first;
        self.tally.failed += first;
        self.probe_again(shared);
    }

    /// Schedules the next probe, after a pause.
    fn probe_again(&mut self, mut shared: Shared) {
        let pause = shared.pause.map_or(FIRST_PAUSE, |pause| (2 * pause).min(LONGEST_PAUSE));
        shared.pause = Some(pause);
        self.next_number += 1;
        self.failed.insert((Instant::now() + pause, self.next_number), shared);
    }
}

impl Tally {
    fn log(self) {
        let Self { tried, failed, not_tried } = self;
        if failed > 0 || not_tried > 0 {
            tracing::info!(tried, failed, not_tried, "targets were probed");
        } else if tried > 0 {
            tracing::debug!(tried, "targets were probed");
        }
    }
}

/// The targets, those together that one probe says something about.
fn shared(targets: Vec<ProbedTarget>) -> Vec<Shared> {
    let mut positions: HashMap<(String, Outbound, Duration), usize> = HashMap::new();
    let mut all: Vec<Shared> = Vec::new();
    for target in targets {
        let settings = &target.plan.settings;
        let way = (format!("{:?}", target.address()), settings.outbound(), limit(&target));
        let position = *positions.entry(way).or_insert(all.len());
        match all.get_mut(position) {
            Some(shared) => shared.targets.push(target),
            None => all.push(Shared { targets: vec![target], pause: None }),
        }
    }
    all
}

fn limit(target: &ProbedTarget) -> Duration {
    target.plan.settings.connect_timeout.min(LONGEST)
}

async fn probe(target: &ProbedTarget) -> Outcome {
    let found;
    let addresses = match target.address() {
        CheckedAddress::Ip(address) => &[address][..],
        CheckedAddress::Unix(path) => return socket_file(path),
        CheckedAddress::Name(..) => {
            let (sender, answer) = oneshot::channel();
            target.resolve(Box::new(move |found| _ = sender.send(found)));
            let Ok(Ok(answer)) = answer.await else { return Outcome::Unresolved };
            found = answer;
            &found[..]
        }
    };
    let outbound = target.plan.settings.outbound();
    match connect_once(addresses, &outbound, limit(target)).await {
        Ok(()) => Outcome::Connected,
        Err(error) => Outcome::Failed(Errno::from_io_error(&error)),
    }
}

/// Whether the file of a Unix socket is there, with the error that connect(2) would have.
fn socket_file(path: &Path) -> Outcome {
    match std::fs::metadata(path) {
        Ok(file) if file.file_type().is_socket() => Outcome::Connected,
        Ok(_) => Outcome::Failed(Some(Errno::CONNREFUSED)),
        Err(error) => Outcome::Failed(Errno::from_io_error(&error)),
    }
}
