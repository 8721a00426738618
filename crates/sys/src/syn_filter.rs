//! Filter that makes a listener ignore new connection requests before it is closed.

use crate::{Errno, Result};
use rustix::fd::{AsFd, AsRawFd};

/// Makes the listener ignore new connection requests. Completed handshakes and those in progress
/// can still be accepted, so a listener that is drained and then closed loses none. An ignored
/// client retransmits after a second (RFC 6298) and reaches the listener that has taken over.
///
/// The filter (`SO_ATTACH_FILTER`, socket(7)) drops segments with SYN and without ACK. Accepted
/// sockets inherit it, but never receive such segments.
pub fn ignore_new_handshakes(listener: impl AsFd) -> Result<()> {
    const FLAGS_OF_TCP_HEADER: u32 = 13;
    const SYN: u32 = 0x02;
    const SYN_AND_ACK: u32 = 0x12;
    const LOAD: u16 = code(libc::BPF_LD | libc::BPF_B | libc::BPF_ABS);
    const AND: u16 = code(libc::BPF_ALU | libc::BPF_AND | libc::BPF_K);
    const IF_EQUAL: u16 = code(libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K);
    const ANSWER: u16 = code(libc::BPF_RET | libc::BPF_K);
    let mut program = [
        statement(LOAD, FLAGS_OF_TCP_HEADER, 0),
        statement(AND, SYN_AND_ACK, 0),
        // Skips the next statement if not equal.
        statement(IF_EQUAL, SYN, 1),
        statement(ANSWER, 0, 0),
        statement(ANSWER, u32::MAX, 0),
    ];
    let filter = libc::sock_fprog { len: 5, filter: program.as_mut_ptr() };
    let length = libc::socklen_t::try_from(size_of_val(&filter)).map_err(|_| Errno::INVAL)?;
    // SAFETY: the pointer is to a `sock_fprog` that lives until the call returns, passed with its
    // length. It points to as many statements as it says. The kernel copies both.
    let result = unsafe {
        libc::setsockopt(
            listener.as_fd().as_raw_fd(),
            libc::SOL_SOCKET,
            libc::SO_ATTACH_FILTER,
            (&raw const filter).cast(),
            length,
        )
    };
    if result == 0 {
        return Ok(());
    }
    Err(Errno::from_io_error(&std::io::Error::last_os_error()).unwrap_or(Errno::INVAL))
}

/// One filter statement. A failed comparison skips the next `skip` statements.
fn statement(code: u16, k: u32, skip: u8) -> libc::sock_filter {
    libc::sock_filter { code, jt: 0, jf: skip, k }
}

/// Opcode of a statement; one above 16 bits fails the compilation.
const fn code(code: u32) -> u16 {
    assert!(code <= u16::MAX as u32);
    #[expect(clippy::cast_possible_truncation, reason = "asserted above, for constants")]
    let code = code as u16;
    code
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{ErrorKind, Read, Write};
    use std::net::{TcpListener, TcpStream};
    use std::time::Duration;

    #[test]
    fn established_connections_are_accepted_and_new_ones_ignored() {
        for host in ["127.0.0.1:0", "[::1]:0"] {
            let listener = TcpListener::bind(host).unwrap();
            let address = listener.local_addr().unwrap();
            let mut client = TcpStream::connect(address).unwrap();
            ignore_new_handshakes(&listener).unwrap();
            let ignored = TcpStream::connect_timeout(&address, Duration::from_millis(50));
            assert_eq!(ignored.unwrap_err().kind(), ErrorKind::TimedOut);
            let (mut socket, _) = listener.accept().unwrap();
            drop(listener);
            client.write_all(b"?").unwrap();
            let mut byte = [0];
            socket.read_exact(&mut byte).unwrap();
            socket.write_all(b"!").unwrap();
            client.read_exact(&mut byte).unwrap();
            assert_eq!(byte, *b"!");
        }
    }
}
