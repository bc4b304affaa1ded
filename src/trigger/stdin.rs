//! Watches for newlines on stdin, the end of stdin, and a closed stdout.

use std::os::fd::AsFd;
use std::thread::sleep;
use std::time::Duration;

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::unistd::read;

use super::Triggers;

/// How long to wait before poll(2) is tried again after it failed.
const RETRY: Duration = Duration::from_millis(100);

impl Triggers {
    /// Turns newlines into triggers until `stdin` ends. Text at the end without a newline is not a trigger. Calls
    /// `on_hangup` as soon as nobody reads `stdout` any more, even during a gather.
    ///
    /// The descriptor is read itself: a buffered reader could hold a newline back while the descriptor is polled.
    pub(super) fn watch_stdin(&self, stdin: &impl AsFd, stdout: &impl AsFd, on_hangup: impl Fn()) {
        let mut open = true;
        let mut chunk = [0; 4096];
        loop {
            let ready = wait_for(open.then_some(stdin), stdout);
            if ready.hangup {
                on_hangup();
                return;
            }
            if !ready.input {
                continue;
            }
            match read(stdin, &mut chunk) {
                Ok(length) if length > 0 => {
                    if chunk.iter().take(length).any(|&byte| byte == b'\n') {
                        self.gather();
                    }
                }
                Err(Errno::EINTR | Errno::EAGAIN) => {}
                // The end, or something that cannot be read, such as a directory or a terminal that was closed: no
                // newline will come.
                Ok(_) | Err(_) => {
                    open = false;
                    self.end();
                }
            }
        }
    }
}

/// What poll(2) reported.
struct Ready {
    /// Stdin can be read, or has ended.
    input: bool,
    /// Nobody reads stdout any more.
    hangup: bool,
}

fn wait_for(stdin: Option<&impl AsFd>, stdout: &impl AsFd) -> Ready {
    let mut polled = vec![PollFd::new(stdout.as_fd(), PollFlags::empty())];
    polled.extend(stdin.map(|stdin| PollFd::new(stdin.as_fd(), PollFlags::POLLIN)));
    if poll(&mut polled, PollTimeout::NONE).is_err_and(|error| error != Errno::EINTR) {
        // Not enough memory, or a limit of descriptors below 2 (EINVAL): both can pass.
        sleep(RETRY);
        return Ready { input: false, hangup: false };
    }
    let events = |at: usize| polled.get(at).and_then(PollFd::revents).unwrap_or(PollFlags::empty());
    let closed = PollFlags::POLLERR | PollFlags::POLLHUP;
    Ready { input: !events(1).is_empty(), hangup: events(0).intersects(closed) }
}
