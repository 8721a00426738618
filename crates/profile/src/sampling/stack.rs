//! Stack unwinding along frame pointers.

use std::ops::Range;

/// Frames kept per stack; outer frames beyond that are cut off.
pub const MOST_FRAMES: usize = 64;

/// Largest stack, in bytes. A frame pointer further away is invalid.
const STACK_MAX: usize = 64 << 20;

/// Encoding of the system call instruction. During a system call the program counter points behind
/// it.
#[cfg(target_arch = "x86_64")]
const SYSTEM_CALL: [u8; 2] = [0x0f, 0x05];
#[cfg(target_arch = "aarch64")]
const SYSTEM_CALL: [u8; 4] = [0x01, 0x00, 0x00, 0xd4];

/// Code addresses, innermost first. A caller's address points into its call instruction and not
/// behind it, where another function may begin; the same holds for a system call.
#[derive(Clone, Copy, Debug)]
pub struct Stack {
    depth: usize,
    frames: [usize; MOST_FRAMES],
}

impl Stack {
    pub(super) const EMPTY: Self = Self { depth: 0, frames: [0; MOST_FRAMES] };

    /// The code addresses, innermost first.
    pub fn frames(&self) -> &[usize] {
        &self.frames[..self.depth]
    }

    fn push(&mut self, address: usize) {
        self.frames[self.depth] = address;
        self.depth += 1;
    }
}

impl PartialEq for Stack {
    fn eq(&self, other: &Self) -> bool {
        self.frames() == other.frames()
    }
}

impl Eq for Stack {}

impl std::hash::Hash for Stack {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.frames().hash(state);
    }
}

/// Registers that unwinding starts from.
#[derive(Clone, Copy, Debug)]
pub(super) struct Registers {
    /// Program counter; `None` to start with the caller.
    pub(super) instruction: Option<usize>,
    pub(super) frame: usize,
    pub(super) stack: usize,
}

impl Registers {
    /// Registers of the calling function.
    #[inline(always)]
    #[expect(clippy::inline_always, reason = "else it would be this function's own frame")]
    pub(super) fn now() -> Self {
        let (frame, stack): (usize, usize);
        #[cfg(target_arch = "x86_64")]
        // SAFETY: the code reads two registers and accesses no memory.
        unsafe {
            std::arch::asm!("mov {}, rbp", "mov {}, rsp", out(reg) frame, out(reg) stack,
                options(nomem, nostack, preserves_flags));
        }
        #[cfg(target_arch = "aarch64")]
        // SAFETY: as above.
        unsafe {
            std::arch::asm!("mov {}, x29", "mov {}, sp", out(reg) frame, out(reg) stack,
                options(nomem, nostack, preserves_flags));
        }
        Self { instruction: None, frame, stack }
    }

    /// Registers of the code that a signal interrupted.
    pub(super) fn interrupted(context: &libc::ucontext_t) -> Self {
        #[cfg(target_arch = "x86_64")]
        let [instruction, frame, stack] = [libc::REG_RIP, libc::REG_RBP, libc::REG_RSP]
            .map(|register| context.uc_mcontext.gregs[register.cast_unsigned() as usize])
            .map(i64::cast_unsigned);
        #[cfg(target_arch = "aarch64")]
        let [instruction, frame, stack] =
            [context.uc_mcontext.pc, context.uc_mcontext.regs[29], context.uc_mcontext.sp];
        #[expect(clippy::cast_possible_truncation, reason = "addresses of these have 64 bits")]
        let [instruction, frame, stack] = [instruction, frame, stack].map(|word| word as usize);
        Self { instruction: Some(instruction), frame, stack }
    }

    /// Unwinds the stack. Safe in a signal handler: it does not allocate or lock. Code without
    /// frame pointers shortens the result.
    pub(super) fn walk(self) -> Stack {
        let mut stack = Stack::EMPTY;
        if let Some(instruction) = self.instruction {
            stack.push(inside_system_call(instruction).unwrap_or(instruction));
        }
        let mut frame = self.frame;
        // The stack grows downwards: a caller's frame has a higher address.
        let mut reach: Range<usize> = self.stack..self.stack.saturating_add(STACK_MAX);
        let is_frame = |frame: usize, reach: &Range<usize>| {
            reach.contains(&frame) && frame.is_multiple_of(size_of::<usize>())
        };
        while stack.depth < MOST_FRAMES && is_frame(frame, &reach) {
            let Some([caller, return_address]) = words(frame) else { break };
            if return_address == 0 {
                break;
            }
            stack.push(return_address - 1);
            reach.start = frame + 1;
            frame = caller;
        }
        stack
    }
}

/// Address of the system call instruction that ends at `end`, if there is one.
fn inside_system_call(end: usize) -> Option<usize> {
    let mut before = [0; SYSTEM_CALL.len()];
    read(end.checked_sub(before.len())?, &mut before)?;
    (before == SYSTEM_CALL).then_some(end - 1)
}

/// The two words of a frame record: frame pointer and return address of the caller.
fn words(frame: usize) -> Option<[usize; 2]> {
    let mut bytes = [[0; size_of::<usize>()]; 2];
    read(frame, bytes.as_flattened_mut())?;
    Some(bytes.map(usize::from_ne_bytes))
}

/// Copies memory at an address that may be invalid: process_vm_readv(2) returns an error where a
/// load would fault.
fn read(address: usize, bytes: &mut [u8]) -> Option<()> {
    let into = libc::iovec { iov_base: bytes.as_mut_ptr().cast(), iov_len: bytes.len() };
    let from =
        libc::iovec { iov_base: std::ptr::without_provenance_mut(address), iov_len: bytes.len() };
    // SAFETY: the kernel writes at most `bytes.len()` bytes into `bytes`. At `from` it only reads,
    // and it returns an error if the address is invalid.
    let read = unsafe {
        libc::process_vm_readv(libc::getpid(), &raw const into, 1, &raw const from, 1, 0)
    };
    (usize::try_from(read) == Ok(bytes.len())).then_some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unwinding_follows_the_chain_to_its_end() {
        // Three frames of a fake stack; the last frame pointer is invalid.
        let mut words = [0_usize; 6];
        let at = words.as_ptr().addr();
        words.copy_from_slice(&[at + 16, 101, at + 32, 102, 8, 103]);
        let walk = |instruction| Registers { instruction, frame: at, stack: at }.walk();
        assert_eq!(walk(Some(7)).frames(), [7, 100, 101, 102]);
        assert_eq!(walk(None).frames(), [100, 101, 102]);
        // A frame pointer that points downwards would make the chain endless.
        words[2] = at;
        std::hint::black_box(&mut words);
        assert_eq!(walk(None).frames(), [100, 101]);
    }

    #[test]
    fn the_address_of_a_system_call_is_inside_the_instruction() {
        let code = [&SYSTEM_CALL[..], &[0; 8]].concat();
        let [before, behind] = [0, SYSTEM_CALL.len()].map(|offset| code.as_ptr().addr() + offset);
        let innermost = |instruction| {
            let registers = Registers { instruction: Some(instruction), frame: 0, stack: 8 };
            registers.walk().frames()[0]
        };
        assert_eq!(innermost(behind), behind - 1);
        assert_eq!(innermost(behind + 1), behind + 1);
        assert_eq!(innermost(before), before);
    }

    #[test]
    fn unreadable_frames_end_the_stack() {
        let nowhere = Registers { instruction: Some(7), frame: 16, stack: 8 };
        assert_eq!(nowhere.walk().frames(), [7]);
    }

    #[test]
    fn unwinding_is_bounded() {
        let mut words = [1_usize; 4 * MOST_FRAMES];
        let at = words.as_ptr().addr();
        for frame in 0..words.len() / 2 {
            words[2 * frame] = at + 16 * (frame + 1);
        }
        std::hint::black_box(&mut words);
        let stack = Registers { instruction: Some(7), frame: at, stack: at }.walk();
        assert_eq!(stack.frames().len(), MOST_FRAMES);
    }
}
