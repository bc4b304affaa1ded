use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex, mpsc};

use super::*;
use crate::inputs::socketstat::field::printed;
use crate::inputs::socketstat::netlink::question::AF_INET;
use crate::inputs::socketstat::netlink::rows::Rows;
use crate::inputs::socketstat::socket::{Protocol, TcpInfo};
use crate::netlink::message::NESTED;

#[test]
fn a_closed_socket_is_kept_as_the_dump_would_tell_it() {
    let closed = Closed::start(160).expect("the kernel takes subscriptions");
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let port = client.local_addr().unwrap().port();
    drop((client, listener.accept().unwrap(), listener));
    let limit = Instant::now() + Duration::from_secs(30);
    loop {
        let batch = closed.take();
        let sockets = batch.payloads().filter_map(|payload| {
            let socket = Rows::default().parse(Protocol::Tcp, AF_INET, payload)?;
            Some((
                socket.local.port(),
                socket.cookie.is_some(),
                matches!(socket.tcp, TcpInfo::Raw(info) if info.len() == 160),
            ))
        });
        if let Some(found) = sockets.into_iter().find(|(local, ..)| *local == Some(port)) {
            assert_eq!(found, (Some(port), true, true));
            break;
        }
        assert!(Instant::now() < limit, "the client's end was not told");
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn the_pause_ends_before_the_queue_is_full() {
    let second = Duration::from_secs(1);
    assert_eq!(pause(200, 15_000, second), second * 200 / 15_000 / PART);
    assert_eq!(pause(200, 1, second), LONGEST_PAUSE);
    assert_eq!(pause(200, 400, Duration::ZERO), Duration::ZERO);
    assert_eq!(pause(usize::MAX, 0, second), LONGEST_PAUSE);
}

#[test]
fn malformed_payloads_are_left_to_the_parser() {
    let mut kept = Vec::new();
    keep(&[1; 10], 160, &mut kept);
    keep(&[2; 73], 160, &mut kept);
    let batch = Batch { payloads: kept, ..Batch::default() };
    let lengths: Vec<usize> = batch.payloads().map(<[u8]>::len).collect();
    assert_eq!(lengths, [10, 72]);
}

/// `INET_DIAG_ULP_INFO`.
const ULP_INFO: u16 = 19;

fn attribute(kind: u16, value: &[u8]) -> Vec<u8> {
    let length = u16::try_from(value.len() + 4).unwrap();
    let mut bytes = [&length.to_ne_bytes()[..], &kind.to_ne_bytes(), value].concat();
    bytes.resize(bytes.len().next_multiple_of(4), 0);
    bytes
}

/// What the kernel tells of other forms than those of the recorded kernels: each with the length of `tcp_info` that is kept, and
/// the number of counters of the contract that it has.
#[test]
fn events_of_other_forms() {
    let fixed = |family| [vec![family, 7, 0, 0, 0, 80, 0, 90], vec![1; 64]].concat();
    let info = |length| attribute(INFO, &vec![1; length]);
    let nested = attribute(NESTED | ULP_INFO, &[attribute(1, b"tls"), attribute(INFO, &[9; 200])].concat());
    let flagged = attribute(NESTED | INFO, &[1; 248]);
    for (form, family, attributes, expected) in [
        ("as long as known", AF_INET, info(248), Some((160, 6))),
        ("longer than known", AF_INET6, info(4000), Some((160, 6))),
        ("shorter than asked for", AF_INET, info(144), Some((144, 4))),
        ("of Linux 4.1", AF_INET, info(136), Some((136, 2))),
        ("without counters", AF_INET, info(104), Some((104, 0))),
        ("empty", AF_INET, info(0), Some((0, 0))),
        ("nested ones before it", AF_INET, [nested.clone(), info(248)].concat(), Some((160, 6))),
        ("nested ones behind it", AF_INET, [info(248), nested.clone()].concat(), Some((160, 6))),
        ("with the flag of nested ones", AF_INET, flagged, Some((160, 6))),
        ("twice", AF_INET, [info(248), attribute(INFO, &[2; 100])].concat(), Some((160, 6))),
        ("only in a nested one", AF_INET, nested, None),
        ("behind a malformed one", AF_INET, [vec![3, 0, 1, 0], info(248)].concat(), None),
        ("missing", AF_INET, Vec::new(), None),
    ] {
        let payload = [fixed(family), attributes].concat();
        let mut found = None;
        let whole = parse(&payload, 160, &mut |socket| {
            assert_eq!((socket.local.port(), socket.remote.port()), (Some(80), Some(90)), "{form}");
            let TcpInfo::Raw(info) = socket.tcp else { panic!("{form}: {socket:?}") };
            found = Some((info.len(), printed(&socket.tcp).iter().flatten().count()));
        });
        assert_eq!((found, whole), (expected, expected.is_some()), "{form}");
    }
}

/// A queue that a test fills.
struct Fake {
    steps: mpsc::Receiver<Result<Vec<Vec<u8>>, Errno>>,
    lost: Arc<Mutex<u32>>,
    /// As of a descriptor that was closed.
    broken: Option<Errno>,
}

impl Queue for Fake {
    type Waiter = ();

    fn waiter(&self) -> Result<(), Errno> {
        Ok(())
    }

    fn wait((): &(), _: Duration) -> Result<(), Errno> {
        std::thread::sleep(Duration::from_millis(1));
        Ok(())
    }

    fn room(&self) -> usize {
        100
    }

    fn drain(&mut self, each: &mut dyn FnMut(&[u8])) -> Result<Drained, Errno> {
        if let Some(errno) = self.broken {
            return Err(errno);
        }
        let Ok(step) = self.steps.try_recv() else { return Ok(Drained::default()) };
        let payloads = step.inspect_err(|errno| self.broken = Some(*errno))?;
        for payload in &payloads {
            each(payload);
        }
        Ok(Drained { messages: payloads.len() as u64, malformed: 1 })
    }

    fn lost(&self) -> Result<u32, Errno> {
        Ok(*self.lost.lock().unwrap())
    }
}

/// Takes until `done` holds of all that was taken: how many payloads, and the last batch.
fn take_until(closed: &Closed<Fake>, done: impl Fn(usize, &Batch) -> bool) -> (usize, Batch) {
    let (mut payloads, mut broken) = (0, None);
    let limit = Instant::now() + Duration::from_secs(60);
    loop {
        let mut batch = closed.take();
        payloads += batch.payloads().count();
        broken = batch.broken.or(broken);
        batch.broken = broken;
        if done(payloads, &batch) {
            return (payloads, batch);
        }
        assert!(Instant::now() < limit, "{payloads} {batch:?}");
        std::thread::sleep(Duration::from_millis(1));
    }
}

#[test]
fn a_broken_subscription_is_made_anew() {
    let lost = Arc::new(Mutex::new(5));
    let (first, steps) = mpsc::channel();
    let (second, more) = mpsc::channel();
    let queues = Mutex::new(vec![None, Some(more), None, Some(steps)]);
    let of_queue = Arc::clone(&lost);
    let subscribe = move || {
        let steps = queues.lock().unwrap().pop().flatten().ok_or(Errno::EMFILE)?;
        Ok(Fake { steps, lost: Arc::clone(&of_queue), broken: None })
    };
    let closed = Closed::with_queue(160, subscribe, Duration::from_millis(1)).unwrap();
    first.send(Ok(vec![vec![2; 80]; 3])).unwrap();
    let (payloads, batch) = take_until(&closed, |payloads, _| payloads == 3);
    assert_eq!((payloads, batch.lost, batch.dropped, batch.broken), (3, 5, 1, None));
    // Losses are counted in 32 bits, and go on behind their end.
    *lost.lock().unwrap() = u32::MAX;
    first.send(Ok(vec![vec![2; 80]])).unwrap();
    take_until(&closed, |_, batch| batch.lost == u64::from(u32::MAX));
    *lost.lock().unwrap() = 2;
    first.send(Ok(vec![vec![2; 80]])).unwrap();
    take_until(&closed, |_, batch| batch.lost == u64::from(u32::MAX) + 3);
    // It breaks: the next one counts from 0, so that its two are new.
    first.send(Err(Errno::EBADF)).unwrap();
    second.send(Ok(vec![vec![2; 80]; 2])).unwrap();
    let (_, batch) = take_until(&closed, |payloads, batch| payloads == 2 && batch.broken.is_some());
    assert_eq!((batch.broken, batch.lost), (Some(Errno::EBADF), u64::from(u32::MAX) + 5));
}

#[test]
fn what_is_kept_between_gathers_is_bounded() {
    let lost = Arc::new(Mutex::new(0));
    let (queue, steps) = mpsc::channel();
    let steps = Mutex::new(Some(steps));
    let subscribe = move || {
        Ok(Fake {
            steps: steps.lock().unwrap().take().ok_or(Errno::EMFILE)?,
            lost: Arc::clone(&lost),
            broken: None,
        })
    };
    let closed = Closed::with_queue(160, subscribe, Duration::from_secs(60)).unwrap();
    let payload = [vec![2; 72], 160_u16.to_ne_bytes().to_vec(), INFO.to_ne_bytes().to_vec(), vec![0; 156]];
    let sent = 400_000;
    for _ in 0..sent / 4000 {
        queue.send(Ok(vec![payload.concat(); 4000])).unwrap();
    }
    let (payloads, batch) = take_until(&closed, |payloads, batch| payloads as u64 + batch.dropped >= sent);
    assert_eq!(payloads as u64 + batch.dropped, sent + sent / 4000, "one malformed in each");
    assert!(batch.payloads.len() <= MOST + 300);
}
