//! Replacing the process image: execveat(2) of an open program, and its preparations.

use crate::{Errno, Result};
use rustix::fd::{AsRawFd, BorrowedFd, OwnedFd};
use rustix::fs::{MemfdFlags, SealFlags, fcntl_add_seals, memfd_create};
use std::ffi::{CString, OsStr};
use std::fs::File;
use std::io::Write;
use std::os::unix::ffi::OsStrExt;

/// A sealed, read-only anonymous file with the concatenated `parts` (memfd_create(2)).
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

/// Arguments or environment as C strings; `None` if one contains a NUL byte.
pub fn c_strings<'a>(texts: impl IntoIterator<Item = &'a OsStr>) -> Option<Vec<CString>> {
    texts.into_iter().map(|text| CString::new(text.as_bytes()).ok()).collect()
}

/// Replaces the process image with the program open as `image`. The process id, the calling thread
/// and all descriptors without close-on-exec stay. Returns only on failure, with nothing changed.
///
/// By descriptor and not by path, so that the program that was checked is the one that runs. The
/// standard library's `exec` would change the signal mask and SIGPIPE first, and not restore them
/// on failure.
pub fn exec_image(image: BorrowedFd<'_>, arguments: &[CString], environment: &[CString]) -> Errno {
    let pointers = |texts: &[CString]| -> Vec<*const libc::c_char> {
        texts.iter().map(|text| text.as_ptr()).chain([std::ptr::null()]).collect()
    };
    let (arguments, environment) = (pointers(arguments), pointers(environment));
    // SAFETY: both arrays end with a null pointer and point to NUL-terminated strings. Arrays and
    // strings live until the call returns. The path is a literal.
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

/// Sets the command name that ps(1) and top(1) show. After [`exec_image`] it would be a descriptor
/// number. The kernel keeps at most 15 bytes.
pub fn set_command_name(name: &str) -> Result<()> {
    let name = CString::new(name).map_err(|_| Errno::INVAL)?;
    rustix::thread::set_name(&name)
}

/// Guard: blocks all signals in the thread that created it. A signal between two process images has
/// no handler and would kill the process; blocked, it stays pending. The mask survives execve(2),
/// and new threads inherit it.
#[derive(Debug)]
pub struct BlockedSignals(libc::sigset_t);

impl BlockedSignals {
    /// Blocks all signals that can be blocked.
    pub fn hold() -> Self {
        let mut all = std::mem::MaybeUninit::<libc::sigset_t>::uninit();
        let mut before = std::mem::MaybeUninit::<libc::sigset_t>::uninit();
        // SAFETY: sigfillset(3) initializes its set; pthread_sigmask(3) reads that set and
        // initializes the other. With a valid first argument neither can fail.
        unsafe {
            libc::sigfillset(all.as_mut_ptr());
            libc::pthread_sigmask(libc::SIG_SETMASK, all.as_ptr(), before.as_mut_ptr());
            Self(before.assume_init())
        }
    }

    /// Unblocks all signals in the calling thread, including those that the previous process image
    /// blocked.
    pub fn release(mut self) {
        // SAFETY: sigemptyset(3) overwrites an initialized set.
        unsafe {
            libc::sigemptyset(&raw mut self.0);
        }
    }
}

impl Drop for BlockedSignals {
    fn drop(&mut self) {
        // SAFETY: the kernel initialized the set, and no old set is requested.
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
    fn sealed_memory_is_read_only() {
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
    fn executing_a_file_that_is_no_program_fails_and_changes_nothing() {
        let file = tempfile::tempfile().unwrap();
        assert_eq!(exec_image(file.as_fd(), &[], &[]), Errno::ACCESS);
    }
}
