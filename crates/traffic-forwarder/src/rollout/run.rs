//! Carries out the decisions of a publisher's machine.

use crate::console::failure::CommandError;
use crate::console::process_options::ProcessOptions;
use crate::exit::Exit;
use crate::output::{say, warn};
use crate::rollout::locate::Located;
use crate::rollout::{reading, text};
use fleet::{
    Decision, Etcd, EtcdWatch, Input, Line, Moment, Outcome, PackedText, Removal, Request, Rollout,
    Store, StoreError, TextHash, Turn, Watch, Work,
};
use std::collections::BTreeSet;
use std::time::{Duration, SystemTime};
use tokio::signal::unix::{SignalKind, signal};
use tokio::time::{Instant, sleep_until};

/// The shortest time between two readings: many instances write at once.
const READ_PERIOD_MIN: Duration = Duration::from_millis(200);

/// The text of a publication.
#[derive(Debug)]
pub(crate) struct Upload {
    pub(crate) text: PackedText,
    /// Ends the command before it writes.
    pub(crate) dry_run: bool,
}

/// Runs one command of a publisher to its end.
pub(crate) async fn run(
    store: &Located,
    request: Request,
    upload: Option<Upload>,
) -> Result<Exit, CommandError> {
    let mut machine = Rollout::new(request, publisher());
    let begun = Instant::now();
    let mut worker = Worker { store, upload, begun, watch: None, seen: 0, last: None };
    let signals = |kind| {
        signal(kind).map_err(|error| CommandError::Host(format!("wait for signals: {error}")))
    };
    let (mut interrupts, mut ends) =
        (signals(SignalKind::interrupt())?, signals(SignalKind::terminate())?);
    let mut work = Work::Read { until: Duration::ZERO };
    loop {
        if let Work::Finish(outcome) = work {
            return Ok(if outcome == Outcome::Done { Exit::Done } else { Exit::Failed });
        }
        if worker.ends_before(&work) {
            return Ok(say("dry run: nothing was published\n"));
        }
        let running = worker.carry_out(work);
        tokio::pin!(running);
        work = loop {
            let input = tokio::select! {
                input = &mut running => input,
                _ = interrupts.recv() => Input::Interrupt,
                _ = ends.recv() => Input::Interrupt,
            };
            let now = Moment { time: begun.elapsed(), at: SystemTime::now() };
            let Turn { lines, work } = machine.on(now, input);
            for line in &lines {
                print(line, &store.options);
            }
            if let Some(work) = work {
                break work;
            }
        };
    }
}

fn print(line: &Line, options: &ProcessOptions) {
    let text = options.complete(&line.to_string());
    if line.is_error() {
        warn(&format!("{text}\n"));
    } else {
        say(&format!("{text}\n"));
    }
}

/// The user and the host of this command.
fn publisher() -> String {
    let names = ["SUDO_USER", "USER", "LOGNAME"].into_iter();
    let user = names.filter_map(|name| std::env::var(name).ok()).find(|name| !name.is_empty());
    let user = user.or_else(|| host::user_name(host::own_user()));
    let user = user.unwrap_or_else(|| format!("uid-{}", host::own_user()));
    format!("{user}@{}", host::host_name())
}

struct Worker<'a> {
    store: &'a Located,
    upload: Option<Upload>,
    begun: Instant,
    watch: Option<EtcdWatch>,
    /// The store's revision at the last reading.
    seen: i64,
    /// The time of the last reading.
    last: Option<Instant>,
}

impl Worker<'_> {
    /// Whether a dry run ends here.
    fn ends_before(&self, work: &Work) -> bool {
        let is_dry = self.upload.as_ref().is_some_and(|upload| upload.dry_run);
        is_dry && !matches!(work, Work::Read { .. })
    }

    async fn carry_out(&mut self, work: Work) -> Input {
        match work {
            Work::Read { until } => self.read(until).await,
            Work::PutText(hash) => self.put_text(hash).await,
            Work::Decide(decision) => self.decide(&decision).await,
            Work::ListTexts => self.list_texts().await,
            Work::Remove(removal) => self.remove(&removal).await,
            Work::Finish(_) => std::future::pending().await,
        }
    }

    async fn read(&mut self, until: Duration) -> Input {
        self.wait(self.begun + until).await;
        self.last = Some(Instant::now());
        match reading::read(self.store).await {
            Ok(read) => {
                self.seen = read.revision;
                Input::Read(read.reading)
            }
            Err(error) => Input::ReadFailed(error),
        }
    }

    /// Waits for a change of a key, or until this time.
    async fn wait(&mut self, until: Instant) {
        let Some(last) = self.last else { return };
        tokio::select! {
            () = changed(&self.store.etcd, &self.store.prefix, self.seen, &mut self.watch) => {}
            () = sleep_until(until) => {}
        }
        sleep_until(last + READ_PERIOD_MIN).await;
    }

    async fn put_text(&self, hash: TextHash) -> Input {
        match self.upload.as_ref().filter(|upload| upload.text.hash == hash) {
            Some(upload) => match text::put(self.store, &upload.text).await {
                Ok(parts) => Input::TextReady(parts),
                Err(error) => Input::TextFailed(error.to_string()),
            },
            None => Input::TextFailed(format!("this command does not have the text {hash}")),
        }
    }

    async fn decide(&self, decision: &Decision) -> Input {
        match self.store.etcd.transact(&decision.txn(&self.store.keys)).await {
            Ok(done) if done.value => Input::Written(done.revision),
            Ok(_) => Input::NotWritten,
            Err(error @ StoreError::Unknown { .. }) => Input::WriteUnknown(error.to_string()),
            Err(error) => Input::WriteFailed(error.to_string()),
        }
    }

    async fn list_texts(&self) -> Input {
        let texts = self.store.keys.texts();
        match self.store.etcd.keys(&texts).await {
            Ok(read) => {
                let hash = |key: &str| key.strip_prefix(&texts)?.split('/').next()?.parse().ok();
                let found = read.value.iter().filter_map(|key| hash(key));
                let found: BTreeSet<TextHash> = found.collect();
                Input::Texts(found.into_iter().collect())
            }
            Err(error) => Input::CleanedUp(Err(error.to_string())),
        }
    }

    async fn remove(&self, removal: &Removal) -> Input {
        let done = self.store.etcd.transact(&removal.txn(&self.store.keys)).await;
        Input::CleanedUp(done.map(drop).map_err(|error| error.to_string()))
    }
}

/// Waits for a change; for ever if the watch fails: the next reading begins another one.
async fn changed(etcd: &Etcd, prefix: &str, seen: i64, watch: &mut Option<EtcdWatch>) {
    if watch.is_none() {
        *watch = etcd.watch(prefix, seen).await.ok();
    }
    if let Some(running) = watch
        && running.changed().await.is_ok()
    {
        return;
    }
    *watch = None;
    std::future::pending::<()>().await;
}
