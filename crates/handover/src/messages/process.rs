//! The process as a whole.

/// What the process as a whole goes on with.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Process {
    /// The version of the program that wrote this.
    #[prost(string, tag = "1")]
    pub version: String,
    /// Its arguments, the first included.
    #[prost(bytes = "vec", repeated, tag = "2")]
    pub arguments: Vec<Vec<u8>>,
    /// What the configuration file held that runs; none if there is no file.
    #[prost(string, optional, tag = "3")]
    pub config_text: Option<String>,
    /// The number of configurations that ran.
    #[prost(uint64, tag = "4")]
    pub generation: u64,
    /// When the first image started: microseconds since 1970.
    #[prost(uint64, tag = "5")]
    pub started: u64,
    /// The last attempt to reload.
    #[prost(message, optional, tag = "6")]
    pub last_reload: Option<LastReload>,
    /// A configuration that has to be confirmed runs.
    #[prost(message, optional, tag = "7")]
    pub trial: Option<Trial>,
    /// Worker threads.
    #[prost(uint32, tag = "8")]
    pub workers: u32,
    /// Descriptors that were open before anything of ours was.
    #[prost(uint64, tag = "9")]
    pub files_at_start: u64,
    /// Lines that the log has lost for want of room in a queue.
    #[prost(uint64, tag = "10")]
    pub log_queue_full: u64,
    /// Lines that could not be written.
    #[prost(uint64, tag = "11")]
    pub log_write_failed: u64,
    /// Upgrades so far, this one included.
    #[prost(uint64, tag = "12")]
    pub upgrades: u64,
    /// Who asked for this one.
    #[prost(string, tag = "13")]
    pub asked_by: String,
    /// The admin interface's listening socket; none if there is none.
    #[prost(uint32, optional, tag = "14")]
    pub admin: Option<u32>,
    /// When the workers were stopped.
    #[prost(uint64, tag = "15")]
    pub stopped_at: u64,
    /// The names under which the service manager keeps listeners.
    #[prost(string, repeated, tag = "16")]
    pub kept_listeners: Vec<String>,
    /// When the last line was lost.
    #[prost(uint64, optional, tag = "17")]
    pub log_last_lost: Option<u64>,
    /// What the kernel keeps the process to, in every image; none if it is free.
    #[prost(message, optional, tag = "18")]
    pub sandbox: Option<Sandbox>,
    /// The settings in force that need a restart, as TOML. None from a version without this field:
    /// then those of `config_text` are used.
    #[prost(string, optional, tag = "19")]
    pub in_force: Option<String>,
    /// The token that the admin interface asks for on a port. Not in the state of a check: a
    /// secret, which only the next image needs.
    #[prost(string, optional, tag = "20")]
    pub admin_token: Option<String>,
    /// The open log file; none if the log goes to standard error.
    #[prost(uint32, optional, tag = "21")]
    pub log_file: Option<u32>,
    /// Log lines lost since the last written one; the log reports them before the next line.
    #[prost(uint64, tag = "22")]
    pub log_lost: u64,
    /// The last write to standard error ended within a line.
    #[prost(bool, tag = "23")]
    pub log_mid_line: bool,
    /// Lines that are still to be written, each with its end.
    #[prost(string, repeated, tag = "24")]
    pub log_lines: Vec<String>,
    /// Number of open sessions, from which the next image derives the memory it needs. Only in the
    /// state of a check, which does not carry the sessions.
    #[prost(uint32, tag = "25")]
    pub sessions: u32,
    /// The configuration file as it was read last.
    #[prost(message, optional, tag = "30")]
    pub file: Option<FileRead>,
    /// The names of forwards that must run, and are bound as soon as they can be.
    #[prost(string, repeated, tag = "31")]
    pub restoring: Vec<String>,
    /// The commit that the program was built from; none if it is unknown.
    #[prost(string, optional, tag = "32")]
    pub build: Option<String>,
}

/// One state of a file.
#[derive(Clone, Copy, PartialEq, prost::Message)]
pub struct FileRead {
    /// The device of its file system.
    #[prost(uint64, tag = "1")]
    pub device: u64,
    /// Its inode number in that file system.
    #[prost(uint64, tag = "2")]
    pub inode: u64,
    /// Size in bytes.
    #[prost(uint64, tag = "3")]
    pub size: u64,
    /// The last change of its content: seconds since 1970.
    #[prost(int64, tag = "4")]
    pub modified: i64,
    /// And nanoseconds.
    #[prost(int64, tag = "5")]
    pub modified_nanos: i64,
    /// The last change of content or attributes: seconds since 1970.
    #[prost(int64, tag = "6")]
    pub changed: i64,
    /// And nanoseconds.
    #[prost(int64, tag = "7")]
    pub changed_nanos: i64,
    /// A hash of its bytes: 64 bits of FNV-1a.
    #[prost(fixed64, tag = "8")]
    pub digest: u64,
}

/// The directories that a process is kept to.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Sandbox {
    /// Where it may read.
    #[prost(bytes = "vec", repeated, tag = "1")]
    pub read: Vec<Vec<u8>>,
    /// Where it may read, and make, change and remove files and sockets.
    #[prost(bytes = "vec", repeated, tag = "2")]
    pub write: Vec<Vec<u8>>,
    /// Where it may read, and execute programs.
    #[prost(bytes = "vec", repeated, tag = "3")]
    pub execute: Vec<Vec<u8>>,
}

/// The last attempt to reload.
#[derive(Clone, PartialEq, prost::Message)]
pub struct LastReload {
    /// Microseconds since 1970.
    #[prost(uint64, tag = "1")]
    pub at: u64,
    /// Who asked.
    #[prost(string, tag = "2")]
    pub by: String,
    /// Why it failed.
    #[prost(string, optional, tag = "3")]
    pub error: Option<String>,
}

/// The way back to the configuration before.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Trial {
    /// What the file held then.
    #[prost(string, tag = "1")]
    pub config_text: String,
    /// Microseconds that were left to confirm.
    #[prost(uint64, tag = "2")]
    pub left: u64,
    /// The names of its forwards that could not be bound.
    #[prost(string, repeated, tag = "3")]
    pub skipped: Vec<String>,
    /// The names of its forwards that are drained, and that the trial has removed.
    #[prost(string, repeated, tag = "4")]
    pub drained: Vec<String>,
    /// The first generation of the configuration on trial.
    #[prost(uint64, tag = "5")]
    pub first: u64,
    /// Whether another configuration replaced that one during the trial.
    #[prost(bool, tag = "6")]
    pub replaced: bool,
}
