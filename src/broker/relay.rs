//! News of what is durable, told to all connections from a task among them: the journal's thread
//! wakes one task of another thread, and not each connection, which cost a system call apiece.

use tokio::sync::watch;

/// What connections listen to in place of `door`, and the task that feeds it. That ends when
/// either side is gone.
pub(super) fn relay(
    mut door: watch::Receiver<u64>,
) -> (watch::Receiver<u64>, impl Future<Output = ()>) {
    let (tell, told) = watch::channel(*door.borrow_and_update());
    let relaying = async move {
        loop {
            tokio::select! {
                changed = door.changed() => if changed.is_err() { return },
                () = tell.closed() => return,
            }
            tell.send_replace(*door.borrow_and_update());
        }
    };
    (told, relaying)
}
