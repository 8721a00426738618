//! The runtime of a command that asks other processes.

use crate::exit::Exit;
use crate::output::warn;

/// Runs a command to its end. Prints the cause if it cannot be started.
pub(crate) fn block_on<T>(command: impl Future<Output = T>) -> Result<T, Exit> {
    match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => Ok(runtime.block_on(command)),
        Err(error) => {
            let error = flow::error_text(&error);
            warn(&format!(
                "error: the kernel refuses the event queue of this command: {error}: raise the limit of open files \
                 (`ulimit -n`), or stop other processes\n"
            ));
            Err(Exit::Failed)
        }
    }
}
