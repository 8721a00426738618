//! A simulated process and its descriptors. `kernel` holds the calls of [`sys::kernel::Kernel`].

use super::state::file::File;
use super::state::slab::Key;
use super::table::Table;
use super::world::World;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use sys::{Errno, Result};

/// A hook of [`Process::on_wait`].
pub(crate) type OnWait = Box<dyn FnMut() -> bool + Send>;

/// A process, or one of its images between two execve(2) calls. Clones are the same process.
#[derive(Clone)]
pub struct Process {
    world: Arc<Mutex<World>>,
    pub(crate) table: Arc<Mutex<Table>>,
    pub(crate) on_wait: Arc<Mutex<Option<OnWait>>>,
    image: u64,
}

impl std::fmt::Debug for Process {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Process").field("image", &self.image).finish_non_exhaustive()
    }
}

pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Process {
    pub(crate) fn new(world: Arc<Mutex<World>>, open_files: usize) -> Self {
        let table = Arc::new(Mutex::new(Table::new(open_files)));
        Self { world, table, on_wait: Arc::default(), image: 0 }
    }

    pub(crate) fn world(&self) -> MutexGuard<'_, World> {
        lock(&self.world)
    }

    /// execve(2): closes the descriptors that are not kept, and makes all handles of this image inert.
    /// The result is the new image.
    #[must_use]
    pub fn exec(&self) -> Self {
        let mut table = lock(&self.table);
        let files = table.end_image(true);
        let image = table.image;
        drop(table);
        self.close_files(&files);
        Self { image, ..self.clone() }
    }

    /// The process dies: the kernel closes all descriptors.
    pub fn kill(&self) {
        let files = lock(&self.table).end_image(false);
        self.close_files(&files);
    }

    fn close_files(&self, files: &[Key]) {
        let mut world = self.world();
        for file in files {
            world.open_files -= 1;
            world.close(*file, false);
        }
    }

    /// Whether no execve(2) has replaced this image.
    pub(crate) fn is_current(&self) -> bool {
        lock(&self.table).image == self.image
    }

    /// The file of a descriptor.
    pub(crate) fn file(&self, number: u32) -> Option<Key> {
        lock(&self.table).file(number)
    }

    /// Sets the limit of open files (`RLIMIT_NOFILE`): descriptors have lower numbers.
    pub fn set_open_files(&self, limit: usize) {
        lock(&self.table).limit = limit;
    }

    /// The open descriptors, with their kind.
    pub fn descriptors(&self) -> Vec<(u32, &'static str)> {
        let world = self.world();
        let kind = |file| world.file(file).map_or("closed", File::kind);
        lock(&self.table).iter().map(|(number, file)| (number, kind(file))).collect()
    }

    /// Sets what [`sys::kernel::Kernel::wait_for`] calls while no message has come: one step of the others.
    /// It returns false if nothing can happen any more.
    pub fn on_wait(&self, step: impl FnMut() -> bool + Send + 'static) {
        *lock(&self.on_wait) = Some(Box::new(step));
    }

    /// Opens a descriptor of a file. There is room, see [`Self::check_room`].
    pub(crate) fn open(&self, world: &mut World, file: Key) -> Descriptor {
        world.open_files += 1;
        self.descriptor(lock(&self.table).open(file), file)
    }

    fn descriptor(&self, number: u32, file: Key) -> Descriptor {
        Descriptor { process: self.clone(), number, file, linger: false }
    }

    /// Whether so many more descriptors are permitted: `EMFILE`, `ENFILE`.
    pub(crate) fn check_room(&self, world: &World, count: usize) -> Result<()> {
        lock(&self.table).check_room(count)?;
        if world.open_files + count > world.conditions.open_files {
            return Err(Errno::NFILE);
        }
        Ok(())
    }

    /// Takes over a descriptor that execve(2) has kept.
    pub(crate) fn claim(&self, number: u32) -> Result<Descriptor> {
        let mut table = lock(&self.table);
        match table.set_close_on_exec(number, true)? {
            (_, true) => Err(Errno::BADF),
            (file, false) => Ok(self.descriptor(number, file)),
        }
    }

    /// Adds a file with one descriptor, or none of both.
    pub(crate) fn add(&self, world: &mut World, file: File) -> Result<Descriptor> {
        self.check_room(world, 1)?;
        let file = world.add_file(file);
        Ok(self.open(world, file))
    }
}

/// An open descriptor of one image of a process. Dropping it closes it.
#[derive(Debug)]
pub(crate) struct Descriptor {
    pub(crate) process: Process,
    pub(crate) number: u32,
    pub(crate) file: Key,
    /// The close resets the connection (`SO_LINGER` of 0).
    pub(crate) linger: bool,
}

impl Descriptor {
    /// The world, for a call.
    pub(crate) fn world(&self) -> MutexGuard<'_, World> {
        let mut world = self.process.world();
        world.calls += 1;
        world
    }

    /// Sets or clears close-on-exec. `EBADF` after an execve(2).
    pub(crate) fn set_close_on_exec(&self, closes: bool) -> Result<()> {
        let mut table = lock(&self.process.table);
        if table.image != self.process.image {
            return Err(Errno::BADF);
        }
        table.set_close_on_exec(self.number, closes).map(drop)
    }
}

impl Drop for Descriptor {
    fn drop(&mut self) {
        let mut table = lock(&self.process.table);
        if table.image != self.process.image || table.close(self.number).is_none() {
            return;
        }
        drop(table);
        let mut world = self.world();
        if let Some(closed) = &mut lock(&self.process.table).closed {
            closed.extend(world.closing(self.file));
        }
        world.open_files -= 1;
        world.close(self.file, self.linger);
    }
}
