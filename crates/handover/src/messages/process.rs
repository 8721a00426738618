//! State of the process as a whole.

use super::forwards::Count;

/// State that is neither of a forward nor of a worker.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Process {
    /// Version of the program that wrote this state.
    #[prost(string, tag = "1")]
    pub version: String,
    /// Command-line arguments, including argv[0].
    #[prost(bytes = "vec", repeated, tag = "2")]
    pub arguments: Vec<Vec<u8>>,
    /// Text of the running configuration; absent if no file was read.
    #[prost(string, optional, tag = "3")]
    pub config_text: Option<String>,
    /// Number of configurations applied since the first start.
    #[prost(uint64, tag = "4")]
    pub generation: u64,
    /// Start of the first process image, in microseconds since 1970.
    #[prost(uint64, tag = "5")]
    pub started: u64,
    /// Result of the last reload attempt.
    #[prost(message, optional, tag = "6")]
    pub last_reload: Option<LastReload>,
    /// Present while a configuration awaits confirmation.
    #[prost(message, optional, tag = "7")]
    pub trial: Option<Trial>,
    /// Number of worker threads.
    #[prost(uint32, tag = "8")]
    pub workers: u32,
    /// Descriptors that were already open when the process started.
    #[prost(uint64, tag = "9")]
    pub files_at_start: u64,
    /// Log lines lost because the queue was full.
    #[prost(uint64, tag = "10")]
    pub log_queue_full: u64,
    /// Log lines lost to failed writes.
    #[prost(uint64, tag = "11")]
    pub log_write_failed: u64,
    /// Upgrades so far, including this one.
    #[prost(uint64, tag = "12")]
    pub upgrades: u64,
    /// Requester of this upgrade, such as a signal or the admin interface.
    #[prost(string, tag = "13")]
    pub asked_by: String,
    /// Listening socket of the admin interface, if it is enabled. `more_admin` has further ones.
    #[prost(uint32, optional, tag = "14")]
    pub admin: Option<u32>,
    /// Time at which the workers parked.
    #[prost(uint64, tag = "15")]
    pub stopped_at: u64,
    /// Names of the listeners stored in the service manager.
    #[prost(string, repeated, tag = "16")]
    pub kept_listeners: Vec<String>,
    /// Time of the last lost log line.
    #[prost(uint64, optional, tag = "17")]
    pub log_last_lost: Option<u64>,
    /// Sandbox that the kernel enforces for this and all later images; absent if there is none.
    #[prost(message, optional, tag = "18")]
    pub sandbox: Option<Sandbox>,
    /// Settings in force that need a restart to change, as TOML. Versions without this field leave
    /// it absent; `config_text` applies then.
    #[prost(string, optional, tag = "19")]
    pub in_force: Option<String>,
    /// Admin token for the interface on a port, for versions that do not know `admin_tokens`. Absent in
    /// a dry run: the check does not need the secret.
    #[prost(string, optional, tag = "20")]
    pub admin_token: Option<String>,
    /// Open log file; absent if the log goes to standard error.
    #[prost(uint32, optional, tag = "21")]
    pub log_file: Option<u32>,
    /// Log lines lost since the last one written. The log reports the number before its next line.
    #[prost(uint64, tag = "22")]
    pub log_lost: u64,
    /// Whether the last write to standard error ended within a line.
    #[prost(bool, tag = "23")]
    pub log_mid_line: bool,
    /// Log lines not written yet, each with its newline.
    #[prost(string, repeated, tag = "24")]
    pub log_lines: Vec<String>,
    /// Number of open sessions. Present only in a dry run, which carries no sessions; the check
    /// derives the required memory from it.
    #[prost(uint32, tag = "25")]
    pub sessions: u32,
    /// Identity of the configuration file when it was last read.
    #[prost(message, optional, tag = "30")]
    pub file: Option<FileRead>,
    /// Names of forwards whose listeners are missing; binding them is retried.
    #[prost(string, repeated, tag = "31")]
    pub restoring: Vec<String>,
    /// Commit that the program was built from, if known.
    #[prost(string, optional, tag = "32")]
    pub build: Option<String>,
    /// Names of targets with their last good answers.
    #[prost(message, repeated, tag = "33")]
    pub names: Vec<Name>,
    /// The files of prefixes of the running configuration, as they were read: they may have changed since.
    #[prost(message, repeated, tag = "34")]
    pub prefix_files: Vec<PrefixFile>,
    /// Names that listeners are on, with the addresses that these have; without time limits and members.
    #[prost(message, repeated, tag = "35")]
    pub listen_names: Vec<Name>,
    /// Further listening sockets of the admin interface.
    #[prost(uint32, repeated, tag = "36")]
    pub more_admin: Vec<u32>,
    /// Listening socket of the metrics, if there is one.
    #[prost(uint32, optional, tag = "37")]
    pub metrics: Option<u32>,
    /// All admin tokens, as the text of a token file. Absent in a dry run.
    #[prost(string, optional, tag = "38")]
    pub admin_tokens: Option<String>,
    /// Denied requests to the admin interface, by the number of the reason.
    #[prost(uint64, repeated, tag = "39")]
    pub admin_denied: Vec<u64>,
    /// Conditions that the log has reported and that are not over.
    #[prost(message, repeated, tag = "40")]
    pub episodes: Vec<Episode>,
    /// Finished look-ups of names, by the label `result` of metrics. None in older versions.
    #[prost(message, repeated, tag = "41")]
    pub name_look_ups: Vec<Count>,
    /// The published text of the running configuration, if it has one. Older versions know none.
    #[prost(message, optional, tag = "42")]
    pub published: Option<Published>,
    /// The revision whose trial has ended without a decision of the fleet.
    #[prost(uint64, optional, tag = "43")]
    pub fleet_ended: Option<u64>,
    /// Why the instance took it back; absent if no decision came in time.
    #[prost(string, optional, tag = "44")]
    pub fleet_ended_why: Option<String>,
}

/// A published text of a fleet.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Published {
    /// Number of the publication.
    #[prost(uint64, tag = "1")]
    pub revision: u64,
    /// SHA-256 of the text, in hexadecimal digits.
    #[prost(string, tag = "2")]
    pub hash: String,
    /// The text.
    #[prost(string, tag = "3")]
    pub text: String,
}

/// A condition of many occurrences that the log has reported. Times are microseconds of the monotonic clock.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Episode {
    /// What it is about.
    #[prost(string, tag = "1")]
    pub topic: String,
    /// Name of the forward, or of the purpose of a resource; empty without one.
    #[prost(string, tag = "2")]
    pub forward: String,
    /// The target, or another detail; empty without one.
    #[prost(string, tag = "3")]
    pub detail: String,
    /// Time of the first occurrence.
    #[prost(uint64, tag = "4")]
    pub began: u64,
    /// Time of the last occurrence.
    #[prost(uint64, tag = "5")]
    pub last: u64,
    /// Number of occurrences.
    #[prost(uint64, tag = "6")]
    pub total: u64,
    /// When it was seen to end, if that is not reported yet.
    #[prost(uint64, optional, tag = "7")]
    pub ended: Option<u64>,
    /// Whether it has ended because its target was removed.
    #[prost(bool, tag = "8")]
    pub removed: bool,
}

/// The last good answer of a name, or its failure.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Name {
    /// The name, in lower case.
    #[prost(string, tag = "1")]
    pub host: String,
    /// Its addresses as text, with port 0: `10.0.0.1:0`, `[fe80::1%2]:0`. None without a good answer.
    #[prost(string, repeated, tag = "2")]
    pub addresses: Vec<String>,
    /// Microseconds until the answer expires; 0 if it has expired.
    #[prost(uint64, tag = "3")]
    pub left: u64,
    /// The members of its set, if its addresses or services are targets.
    #[prost(message, repeated, tag = "4")]
    pub members: Vec<SetMember>,
    /// Its failure, if the log has it.
    #[prost(message, optional, tag = "5")]
    pub failure: Option<NameFailure>,
}

/// The failure of a name.
#[derive(Clone, PartialEq, prost::Message)]
pub struct NameFailure {
    /// Microseconds since the first failed look-up.
    #[prost(uint64, tag = "1")]
    pub since: u64,
    /// Key of the error of the last look-up: `not_found`, `no_address`, `no_service`, `timeout`, `no_name`, `failed`.
    #[prost(string, tag = "2")]
    pub error: String,
    /// The reason, as a sentence, of `failed`.
    #[prost(string, optional, tag = "3")]
    pub why: Option<String>,
    /// Number of failed look-ups.
    #[prost(uint32, tag = "4")]
    pub failures: u32,
}

/// A target of a set.
#[derive(Clone, PartialEq, prost::Message)]
pub struct SetMember {
    /// Its address as text; with port 0 where the name is a host.
    #[prost(string, tag = "1")]
    pub address: String,
    /// The priority of its SRV record; 0 for an address.
    #[prost(uint32, tag = "2")]
    pub priority: u32,
    /// The weight of its SRV record; 1 for an address.
    #[prost(uint32, tag = "3")]
    pub weight: u32,
}

/// Identity and content hash of a file, at one moment.
#[derive(Clone, Copy, PartialEq, prost::Message)]
pub struct FileRead {
    /// Device of the file system (`st_dev`).
    #[prost(uint64, tag = "1")]
    pub device: u64,
    /// Inode number on that device (`st_ino`).
    #[prost(uint64, tag = "2")]
    pub inode: u64,
    /// Size of the file in bytes.
    #[prost(uint64, tag = "3")]
    pub size: u64,
    /// Last change of the contents (`st_mtime`), seconds since 1970.
    #[prost(int64, tag = "4")]
    pub modified: i64,
    /// Nanosecond part of `modified`.
    #[prost(int64, tag = "5")]
    pub modified_nanos: i64,
    /// Last change of contents or attributes (`st_ctime`), seconds since 1970.
    #[prost(int64, tag = "6")]
    pub changed: i64,
    /// Nanosecond part of `changed`.
    #[prost(int64, tag = "7")]
    pub changed_nanos: i64,
    /// 64-bit FNV-1a hash of the contents.
    #[prost(fixed64, tag = "8")]
    pub digest: u64,
}

/// Directories that the process may access.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Sandbox {
    /// Directories whose files may be read.
    #[prost(bytes = "vec", repeated, tag = "1")]
    pub read: Vec<Vec<u8>>,
    /// Directories in which files and sockets may be created, changed and removed.
    #[prost(bytes = "vec", repeated, tag = "2")]
    pub write: Vec<Vec<u8>>,
    /// Directories from which programs may be executed.
    #[prost(bytes = "vec", repeated, tag = "3")]
    pub execute: Vec<Vec<u8>>,
}

/// Result of the last reload attempt.
#[derive(Clone, PartialEq, prost::Message)]
pub struct LastReload {
    /// Time of the attempt, in microseconds since 1970.
    #[prost(uint64, tag = "1")]
    pub at: u64,
    /// Requester: a signal, a file change or the admin interface.
    #[prost(string, tag = "2")]
    pub by: String,
    /// Error text; absent if the reload succeeded.
    #[prost(string, optional, tag = "3")]
    pub error: Option<String>,
}

/// A configuration on trial, with the one to roll back to.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Trial {
    /// Text of the configuration to roll back to.
    #[prost(string, tag = "1")]
    pub config_text: String,
    /// Microseconds left for the confirmation.
    #[prost(uint64, tag = "2")]
    pub left: u64,
    /// Forwards of that configuration that could not be bound.
    #[prost(string, repeated, tag = "3")]
    pub skipped: Vec<String>,
    /// Drained forwards of that configuration that the trial removed.
    #[prost(string, repeated, tag = "4")]
    pub drained: Vec<String>,
    /// First generation of the configuration on trial.
    #[prost(uint64, tag = "5")]
    pub first: u64,
    /// Whether a later reload replaced the configuration on trial.
    #[prost(bool, tag = "6")]
    pub replaced: bool,
    /// The files of prefixes of that configuration, as they were read.
    #[prost(message, repeated, tag = "7")]
    pub prefix_files: Vec<PrefixFile>,
    /// Names that listeners of that configuration are on, with the addresses that these had.
    #[prost(message, repeated, tag = "8")]
    pub listen_names: Vec<Name>,
    /// The published text of that configuration, if it had one.
    #[prost(message, optional, tag = "9")]
    pub published: Option<Published>,
    /// The revision on trial, of a trial that belongs to the fleet; absent for one of an operator.
    #[prost(uint64, optional, tag = "10")]
    pub fleet_revision: Option<u64>,
    /// The begin of a trial of the fleet, for its judgement. Older versions know none.
    #[prost(message, optional, tag = "11")]
    pub begin: Option<TrialBegin>,
}

/// The process at the begin of a trial of the fleet.
#[derive(Clone, PartialEq, prost::Message)]
pub struct TrialBegin {
    /// Connects since the start of the process of each forward that the trial changes or adds.
    #[prost(message, repeated, tag = "1")]
    pub forwards: Vec<ForwardConnects>,
    /// Connects of these forwards in the time before the trial.
    #[prost(message, optional, tag = "2")]
    pub before: Option<Connects>,
    /// Connects of all forwards since the start of the process.
    #[prost(message, optional, tag = "3")]
    pub all: Option<Connects>,
    /// Listeners that did not accept, in words.
    #[prost(string, repeated, tag = "4")]
    pub lost_listeners: Vec<String>,
}

/// Connects of one forward.
#[derive(Clone, PartialEq, prost::Message)]
pub struct ForwardConnects {
    /// Name of the forward.
    #[prost(string, tag = "1")]
    pub name: String,
    /// Connects to its targets.
    #[prost(message, optional, tag = "2")]
    pub connects: Option<Connects>,
    /// Those at the start of the time before the trial. Older versions leave it out.
    #[prost(message, optional, tag = "3")]
    pub older: Option<Connects>,
}

/// Connects to targets.
#[derive(Clone, Copy, PartialEq, prost::Message)]
pub struct Connects {
    /// Tried connects, failed ones included.
    #[prost(uint64, tag = "1")]
    pub tried: u64,
    /// Failed connects.
    #[prost(uint64, tag = "2")]
    pub failed: u64,
}

/// A file of prefixes in `allow` or `deny`.
#[derive(Clone, PartialEq, prost::Message)]
pub struct PrefixFile {
    /// Path of the file, as configured.
    #[prost(string, tag = "1")]
    pub path: String,
    /// Its prefixes, one a line.
    #[prost(string, tag = "2")]
    pub text: String,
    /// The file when it was read last, which may be later.
    #[prost(message, optional, tag = "3")]
    pub read: Option<FileRead>,
}
