//! A simulated process: its descriptors, and the calls of [`sys::kernel::Kernel`].

use super::conditions::Call;
use super::epoll::Epoll;
use super::handles::{SimEpoll, SimPipe, SimSocket, SimWaker};
use super::listener::Listener;
use super::pipe::{PAGE, Pipe};
use super::world::{File, FileKey, World};
use flow::Time;
use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::Path;
use std::sync::mpsc::Receiver;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};
use sys::kernel::Kernel;
use sys::listen::Sharing;
use sys::socket::{Progress, TcpOptions};
use sys::{Errno, FileId, PipeError, Result};

/// First number that is given out: the standard descriptors are open.
const FIRST: u32 = 3;

/// A hook of [`Process::on_wait`].
type OnWait = Box<dyn FnMut() -> bool + Send>;

/// The descriptors of a process.
#[derive(Debug, Default)]
pub(super) struct Table {
    /// Descriptors by number: the file, and whether execve(2) closes it.
    open: BTreeMap<u32, (FileKey, bool)>,
    limit: usize,
    /// Number of execve(2) calls: handles of earlier images are inert.
    image: u64,
}

impl Table {
    /// The lowest free numbers.
    fn free(&self, count: usize) -> Vec<u32> {
        let mut taken = self.open.keys().copied().peekable();
        (FIRST..u32::MAX).filter(|number| taken.next_if_eq(number).is_none()).take(count).collect()
    }
}

/// A process, or one of its images between two execve(2) calls. Clones are the same process.
#[derive(Clone)]
pub struct Process {
    pub(super) world: Arc<Mutex<World>>,
    table: Arc<Mutex<Table>>,
    on_wait: Arc<Mutex<Option<OnWait>>>,
    image: u64,
}

impl std::fmt::Debug for Process {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Process").field("image", &self.image).finish_non_exhaustive()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Process {
    pub(super) fn new(world: Arc<Mutex<World>>, open_files: usize) -> Self {
        let table = Table { limit: open_files, ..Table::default() };
        let on_wait = Arc::default();
        Self { world, table: Arc::new(Mutex::new(table)), on_wait, image: 0 }
    }

    pub(super) fn world(&self) -> MutexGuard<'_, World> {
        lock(&self.world)
    }

    /// execve(2): closes the descriptors that are not kept, and makes all handles of this image inert.
    /// The result is the new image.
    #[must_use]
    pub fn exec(&self) -> Self {
        let mut table = lock(&self.table);
        table.image += 1;
        let gone: Vec<u32> =
            table.open.iter().filter(|(_, (_, closes))| *closes).map(|(fd, _)| *fd).collect();
        let files: Vec<FileKey> =
            gone.iter().filter_map(|fd| table.open.remove(fd)).map(|it| it.0).collect();
        let image = table.image;
        drop(table);
        self.close_files(&files);
        Self { image, ..self.clone() }
    }

    /// The process dies: the kernel closes all descriptors.
    pub fn kill(&self) {
        let mut table = lock(&self.table);
        table.image += 1;
        let files: Vec<FileKey> =
            std::mem::take(&mut table.open).into_values().map(|it| it.0).collect();
        drop(table);
        self.close_files(&files);
    }

    fn close_files(&self, files: &[FileKey]) {
        let mut world = self.world();
        for file in files {
            world.open_files -= 1;
            world.close(*file, false);
        }
    }

    /// Sets the limit of open files (`RLIMIT_NOFILE`).
    pub fn set_open_files(&self, limit: usize) {
        lock(&self.table).limit = limit;
    }

    /// The open descriptors, with their kind.
    pub fn descriptors(&self) -> Vec<(u32, &'static str)> {
        let table = lock(&self.table);
        let world = self.world();
        let kind = |file: &FileKey| world.files.get(file).map_or("closed", File::kind);
        table.open.iter().map(|(number, (file, _))| (*number, kind(file))).collect()
    }

    /// The end of the wait of a thread on this epoll instance; `None` if an event is there, or no thread
    /// waits.
    pub fn waits_until(&self, epoll: &SimEpoll) -> Option<Time> {
        self.world().epoll(epoll.0.file).ok().and_then(|epoll| epoll.blocked_until())
    }

    /// Sets what [`Kernel::wait_for`] calls while no message has come: one step of the others. It returns
    /// false if nothing can happen any more.
    pub fn on_wait(&self, step: impl FnMut() -> bool + Send + 'static) {
        *lock(&self.on_wait) = Some(Box::new(step));
    }

    /// Gives a file the lowest free number.
    pub(super) fn open(&self, world: &mut World, file: FileKey) -> Result<Descriptor> {
        self.open_some(world, file, 1).map(|mut it| it.remove(0))
    }

    /// Like [`Self::open`], with several descriptors of one file.
    fn open_some(&self, world: &mut World, file: FileKey, count: usize) -> Result<Vec<Descriptor>> {
        self.check_room(world, count)?;
        let mut table = lock(&self.table);
        let mut descriptors = Vec::new();
        for number in table.free(count) {
            table.open.insert(number, (file, true));
            world.open_files += 1;
            descriptors.push(Descriptor { process: self.clone(), number, file, linger: false });
        }
        Ok(descriptors)
    }

    /// Whether `count` more descriptors are permitted.
    pub(super) fn check_room(&self, world: &World, count: usize) -> Result<()> {
        let table = lock(&self.table);
        let highest = table.free(count).pop().and_then(|number| usize::try_from(number).ok());
        if highest.is_none_or(|number| number >= table.limit) {
            return Err(Errno::MFILE);
        }
        if world.open_files + count > world.conditions.open_files {
            return Err(Errno::NFILE);
        }
        Ok(())
    }

    fn claim(&self, number: u32) -> Result<Descriptor> {
        let mut table = lock(&self.table);
        let (file, closes) = table.open.get_mut(&number).ok_or(Errno::BADF)?;
        if std::mem::replace(closes, true) {
            return Err(Errno::BADF);
        }
        Ok(Descriptor { process: self.clone(), number, file: *file, linger: false })
    }

    /// Adds a file with one descriptor, or none of both.
    pub(super) fn add(&self, world: &mut World, file: File) -> Result<Descriptor> {
        self.check_room(world, 1)?;
        let file = world.add_file(file);
        self.open(world, file)
    }

    fn add_listener(&self, listener: Listener, world: &mut World) -> Result<SimSocket> {
        self.add(world, File::Listener(listener)).map(SimSocket)
    }
}

/// An open descriptor of one image of a process. Dropping it closes it.
#[derive(Debug)]
pub(super) struct Descriptor {
    pub(super) process: Process,
    pub(super) number: u32,
    pub(super) file: FileKey,
    /// The close resets the connection (`SO_LINGER` of 0).
    pub(super) linger: bool,
}

impl Descriptor {
    pub(super) fn world(&self) -> MutexGuard<'_, World> {
        let mut world = self.process.world();
        world.calls += 1;
        world
    }

    /// Sets or clears close-on-exec.
    pub(super) fn set_close_on_exec(&self, closes: bool) -> Result<()> {
        let mut table = lock(&self.process.table);
        table.open.get_mut(&self.number).map(|entry| entry.1 = closes).ok_or(Errno::BADF)
    }
}

impl Drop for Descriptor {
    fn drop(&mut self) {
        let mut table = lock(&self.process.table);
        if table.image != self.process.image || table.open.remove(&self.number).is_none() {
            return;
        }
        drop(table);
        let mut world = self.process.world();
        world.calls += 1;
        world.open_files -= 1;
        world.close(self.file, self.linger);
    }
}

impl Kernel for Process {
    type Socket = SimSocket;
    type Pipe = SimPipe;
    type Epoll = SimEpoll;
    type Waker = SimWaker;

    fn now(&self) -> Time {
        self.world().now
    }

    fn system_time(&self) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_micros(self.world().now.as_micros())
    }

    fn bind_tcp(&self, address: SocketAddr, _: &TcpOptions, sharing: Sharing) -> Result<SimSocket> {
        let mut world = self.world();
        self.check_room(&world, 1)?;
        let listener = world.bind(address, false, sharing == Sharing::SameUser)?;
        self.add_listener(listener, &mut world)
    }

    fn bind_tcp_any(&self, port: u16, _: &TcpOptions, sharing: Sharing) -> Result<SimSocket> {
        let mut world = self.world();
        self.check_room(&world, 1)?;
        let any = (Ipv6Addr::UNSPECIFIED, port).into();
        let listener = world.bind(any, true, sharing == Sharing::SameUser)?;
        self.add_listener(listener, &mut world)
    }

    fn listen_unix(&self, path: &Path) -> Result<SimSocket> {
        let mut world = self.world();
        self.check_room(&world, 1)?;
        let backlog = world.conditions.backlog;
        let listener = Listener { listens: true, backlog, ..world.bind_unix(path)? };
        let socket = self.add_listener(listener, &mut world)?;
        let inode = world.new_key();
        world.paths.insert(path.to_owned(), (inode, socket.0.file));
        Ok(socket)
    }

    fn try_unix(&self, path: &Path) -> Result<()> {
        self.world().bind_unix(path).map(drop)
    }

    fn connect_tcp(&self, address: SocketAddr) -> Result<(SimSocket, Progress)> {
        let mut world = self.world();
        world.fails(Call::Socket)?;
        self.check_room(&world, 1)?;
        let end = world.connect(address)?;
        let socket = self.add(&mut world, File::Tcp(end))?;
        world.own_end(end, socket.file);
        world.send_syn(end);
        world.settle();
        Ok((SimSocket(socket), Progress::UnderWay))
    }

    fn connect_unix(&self, path: &Path) -> Result<SimSocket> {
        let mut world = self.world();
        world.fails(Call::Socket)?;
        self.check_room(&world, 1)?;
        let end = world.connect_unix(path)?;
        let socket = self.add(&mut world, File::Unix(end))?;
        world.attach_unix(socket.file);
        Ok(SimSocket(socket))
    }

    fn is_local_address(&self, address: SocketAddr) -> bool {
        address.ip().is_loopback() || address.ip() == IpAddr::V4(Ipv4Addr::new(10, 0, 0, 1))
    }

    fn first_ephemeral_port(&self) -> u16 {
        *self.world().conditions.ephemeral_ports.start()
    }

    fn pipe(&self, sizes: &[usize]) -> std::result::Result<SimPipe, PipeError> {
        let mut world = self.world();
        world.fails(Call::Pipe).map_err(PipeError::Refused)?;
        self.check_room(&world, 2).map_err(PipeError::Refused)?;
        let most = world.conditions.pipe_size.clone();
        let most = world.random.size(&most);
        let granted = sizes.iter().copied().find(|size| *size <= most);
        // Beyond the user's limit, a pipe has two pages.
        let capacity = granted.unwrap_or(2 * PAGE);
        if capacity < sizes.last().copied().unwrap_or(0) {
            return Err(PipeError::TooSmall);
        }
        let file = world.add_file(File::Pipe(Pipe::new(capacity)));
        let ends = self.open_some(&mut world, file, 2).map_err(PipeError::Refused)?;
        Ok(SimPipe { ends, file, capacity })
    }

    fn epoll(&self) -> Result<SimEpoll> {
        self.add(&mut self.world(), File::Epoll(Epoll::default())).map(SimEpoll)
    }

    fn waker(&self) -> Result<SimWaker> {
        self.add(&mut self.world(), File::Counter(0)).map(SimWaker)
    }

    fn claim_socket(&self, number: u32) -> Result<SimSocket> {
        self.claim(number).map(SimSocket)
    }

    fn claim_pipe(&self, read: u32, write: u32) -> Result<SimPipe> {
        let ends = vec![self.claim(read)?, self.claim(write)?];
        let file = ends[0].file;
        let capacity = self.world().pipe(file)?.capacity;
        Ok(SimPipe { ends, file, capacity })
    }

    fn claim_epoll(&self, number: u32) -> Result<SimEpoll> {
        self.claim(number).map(SimEpoll)
    }

    fn file_at(&self, path: &Path) -> Option<FileId> {
        self.world().paths.get(path).map(|(inode, _)| FileId { device: 1, inode: *inode })
    }

    fn file_reached_by(&self, path: &Path) -> Option<FileId> {
        self.file_at(path)
    }

    fn is_socket_file(&self, path: &Path) -> bool {
        self.file_at(path).is_some()
    }

    fn remove_file(&self, path: &Path) {
        self.world().paths.remove(path);
    }

    fn release_free_memory(&self) {}

    fn wait_for<T>(&self, messages: &Receiver<T>, limit: Duration) -> Option<T> {
        let until = self.now().after(limit);
        loop {
            if let Ok(message) = messages.try_recv() {
                return Some(message);
            }
            // Taken out, so that the hook may use this process.
            let mut step = lock(&self.on_wait).take()?;
            let goes_on = step();
            lock(&self.on_wait).get_or_insert(step);
            if !goes_on || self.now() > until {
                return messages.try_recv().ok();
            }
        }
    }
}
