//! Becoming another program without ending: execve(2) through a descriptor, and what must be right
//! around it.

use crate::{Errno, Result};
use rustix::fd::{AsRawFd, BorrowedFd, OwnedFd};
use rustix::fs::{MemfdFlags, Mode, OFlags, SealFlags, fcntl_add_seals, memfd_create};
use std::ffi::{CString, OsStr};
use std::fs::File;
use std::io::Write;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

/// An anonymous file that holds `parts` one after the other, and that nobody can change any more
/// (memfd_create(2), sealed).
pub fn sealed_memory(name: &str, parts: &[&[u8]]) -> std::io::Result<OwnedFd> {
    let fd = memfd_create(name, MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING)?;
    let mut file = File::from(fd);
    for part in parts {
        file.write_all(part)?;
    }
    let fd = OwnedFd::from(file);
    let seals = SealFlags::SEAL | SealFlags::SHRINK | SealFlags::GROW | SealFlags::WRITE;
    fcntl_add_seals(&fd, seals)?;
    Ok(fd)
}

/// What arguments and environment are made of; `None` if a text holds a NUL byte.
pub fn c_strings<'a>(texts: impl IntoIterator<Item = &'a OsStr>) -> Option<Vec<CString>> {
    texts.into_iter().map(|text| CString::new(text.as_bytes()).ok()).collect()
}

/// Opens a file that may be a program. Whatever else it is, opening it does not wait, as for the
/// other end of a named pipe.
pub fn open_program(path: &Path) -> Result<File> {
    let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK | OFlags::NOCTTY;
    rustix::fs::open(path, flags, Mode::empty()).map(File::from)
}

/// Makes the program that `image` is open on run in place of this one: same process, no thread but
/// its first, and every descriptor that is not close-on-exec. Returns only if the kernel refuses,
/// and then nothing has changed.
///
/// Not by path: the file that was looked at is the file that runs, whatever its name stands for by
/// now. (The standard library's way would set the signal mask and SIGPIPE before it tries, and
/// leave them so when it fails.)
pub fn exec_image(image: BorrowedFd<'_>, arguments: &[CString], environment: &[CString]) -> Errno {
    let pointers = |texts: &[CString]| -> Vec<*const libc::c_char> {
        texts.iter().map(|text| text.as_ptr()).chain([std::ptr::null()]).collect()
    };
    let (arguments, environment) = (pointers(arguments), pointers(environment));
    // SAFETY: both arrays end with a null pointer, point to strings that end with a NUL byte, and
    // live until the call returns, as do the strings. The path is a literal.
    unsafe {
        libc::execveat(
            image.as_raw_fd(),
            c"".as_ptr(),
            arguments.as_ptr().cast(),
            environment.as_ptr().cast(),
            libc::AT_EMPTY_PATH,
        );
    }
    Errno::from_io_error(&std::io::Error::last_os_error()).unwrap_or(Errno::NOSYS)
}

/// What ps(1) and top(1) show as the command's name: after [`exec_image`] the kernel has only the
/// number of a descriptor to show. At most 15 bytes of it are kept.
pub fn set_command_name(name: &str) -> Result<()> {
    let name = CString::new(name).map_err(|_| Errno::INVAL)?;
    rustix::thread::set_name(&name)
}

/// While this lives, no signal reaches the thread that made it. What comes waits: between two
/// images there is nobody to handle it, and its default would be to end the process. The mask
/// outlives execve(2); threads inherit it.
#[derive(Debug)]
pub struct BlockedSignals(libc::sigset_t);

impl BlockedSignals {
    /// Holds all signals that can be held.
    pub fn hold() -> Self {
        let mut all = std::mem::MaybeUninit::<libc::sigset_t>::uninit();
        let mut before = std::mem::MaybeUninit::<libc::sigset_t>::uninit();
        // SAFETY: sigfillset(3) initializes the set it is given, pthread_sigmask(3) reads it and
        // initializes the other. With a valid first argument neither can fail.
        unsafe {
            libc::sigfillset(all.as_mut_ptr());
            libc::pthread_sigmask(libc::SIG_SETMASK, all.as_ptr(), before.as_mut_ptr());
            Self(before.assume_init())
        }
    }

    /// Lets all signals reach the calling thread, also those that were held before: by the image
    /// before this one.
    pub fn release(mut self) {
        // SAFETY: sigemptyset(3) overwrites a set that is initialized.
        unsafe {
            libc::sigemptyset(&raw mut self.0);
        }
    }
}

impl Drop for BlockedSignals {
    fn drop(&mut self) {
        // SAFETY: the set was initialized by the kernel; no old set is asked for.
        unsafe {
            libc::pthread_sigmask(libc::SIG_SETMASK, &raw const self.0, std::ptr::null_mut());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::fd::AsFd;
    use std::io::{Read, Seek};

    #[test]
    fn sealed_memory_can_be_read_and_not_be_changed() {
        let fd = sealed_memory("test", &[b"one ", b"two"]).unwrap();
        let mut file = File::from(fd);
        file.rewind().unwrap();
        let mut text = String::new();
        file.read_to_string(&mut text).unwrap();
        assert_eq!(text, "one two");
        assert!(file.write_all(b"!").is_err());
        assert!(file.set_len(0).is_err());
    }

    #[test]
    fn what_is_no_program_is_refused_and_nothing_changes() {
        let file = tempfile::tempfile().unwrap();
        assert_eq!(exec_image(file.as_fd(), &[], &[]), Errno::ACCESS);
    }
}
