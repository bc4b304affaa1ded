use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::*;
use crate::netlink::message::{DONE, ERROR, INTERRUPTED, OVERRUN, SOCK_DIAG_BY_FAMILY};

const PORT: u32 = 4711;

/// What happens on each channel that is opened, in order: a datagram or an errno at each receive.
type Script = Vec<Vec<Result<Vec<u8>, Errno>>>;

/// The queue length and the number of requests of each channel that was opened.
type Opened = Arc<Mutex<Vec<(usize, u32)>>>;

struct Scripted {
    steps: VecDeque<Result<Vec<u8>, Errno>>,
    opened: Opened,
}

impl Channel for Scripted {
    fn port(&self) -> u32 {
        PORT
    }

    fn send(&mut self, _: &[u8]) -> Result<(), Errno> {
        self.opened.lock().unwrap().last_mut().unwrap().1 += 1;
        Ok(())
    }

    fn receive(&mut self, buffer: &mut [u8], _: Instant) -> Result<usize, Errno> {
        let datagram = self.steps.pop_front().unwrap_or(Err(Errno::ETIME))?;
        let length = datagram.len().min(buffer.len());
        buffer[..length].copy_from_slice(&datagram[..length]);
        Ok(datagram.len())
    }
}

fn scripted(script: Script) -> (Netlink, Opened) {
    let opened = Opened::default();
    let shared = opened.clone();
    let mut script = script.into_iter();
    let open = move |queue| {
        shared.lock().unwrap().push((queue, 0));
        let steps = script.next().unwrap().into();
        Ok(Box::new(Scripted { steps, opened: shared.clone() }) as Box<dyn Channel>)
    };
    (Netlink::with_channel(Box::new(open), Names::Own), opened)
}

/// Keeps the remote ports, which unix sockets made by [`socket`] differ in.
#[derive(Default)]
struct Ports {
    ports: Vec<String>,
    restarts: u32,
}

impl Sink for Ports {
    fn socket(&mut self, socket: &Socket<'_>) {
        self.ports.push(String::from_utf8(socket.remote_port.to_vec()).unwrap());
    }

    fn restart(&mut self) {
        self.ports.clear();
        self.restarts += 1;
    }
}

fn message(kind: u16, flags: u16, sequence: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(16 + payload.len()).unwrap();
    let mut bytes = [length.to_ne_bytes(), [0; 4], sequence.to_ne_bytes(), PORT.to_ne_bytes()].concat();
    bytes[4..6].copy_from_slice(&kind.to_ne_bytes());
    bytes[6..8].copy_from_slice(&flags.to_ne_bytes());
    bytes.extend(payload);
    bytes
}

/// A unix socket with that peer.
fn socket(sequence: u32, flags: u16, peer: u32) -> Vec<u8> {
    let mut payload = vec![1, 1, 1, 0];
    payload.resize(16, 0);
    payload.extend([8_u16, 2].map(u16::to_ne_bytes).as_flattened());
    payload.extend(peer.to_ne_bytes());
    message(SOCK_DIAG_BY_FAMILY, flags, sequence, &payload)
}

fn done(sequence: u32, errno: i32) -> Vec<u8> {
    message(DONE, 0, sequence, &(-errno).to_ne_bytes())
}

fn soon() -> Instant {
    Instant::now() + Duration::from_secs(60)
}

fn dump(source: &mut Netlink) -> (Result<Vec<Note>, SourceError>, Ports) {
    let mut ports = Ports::default();
    (source.dump(Protocol::Unix, soon(), &mut ports), ports)
}

fn text(result: Result<Vec<Note>, SourceError>) -> String {
    result.unwrap_err().to_string()
}

#[test]
fn keeps_the_channel_between_dumps_and_counts_requests_on() {
    let (mut source, opened) = scripted(vec![vec![
        Ok([socket(1, 0, 5), socket(1, 0, 6)].concat()),
        Ok(done(1, 0)),
        Ok([socket(2, 0, 7), done(2, 0)].concat()),
    ]]);
    let (notes, ports) = dump(&mut source);
    assert_eq!((notes.unwrap(), ports.ports), (vec![], vec!["5".to_owned(), "6".to_owned()]));
    let (notes, ports) = dump(&mut source);
    assert_eq!((notes.unwrap(), ports.ports), (vec![], vec!["7".to_owned()]));
    assert_eq!(*opened.lock().unwrap(), [(QUEUE, 2)]);
}

#[test]
fn starts_an_interrupted_dump_again() {
    let (mut source, opened) = scripted(vec![vec![
        Ok([socket(1, INTERRUPTED, 5), done(1, 0)].concat()),
        Ok([socket(2, 0, 5), socket(2, 0, 6), done(2, 0)].concat()),
    ]]);
    let (notes, ports) = dump(&mut source);
    assert_eq!(notes.unwrap(), []);
    assert_eq!((ports.ports, ports.restarts), (vec!["5".to_owned(), "6".to_owned()], 1));
    assert_eq!(*opened.lock().unwrap(), [(QUEUE, 2)]);
}

#[test]
fn accepts_the_last_of_the_interrupted_dumps_with_a_warning() {
    let interrupted = |sequence| Ok([socket(sequence, INTERRUPTED, 5), done(sequence, 0)].concat());
    let (mut source, _) = scripted(vec![(1..=ATTEMPTS).map(interrupted).collect()]);
    let (notes, ports) = dump(&mut source);
    assert!(matches!(notes.unwrap().as_slice(), [Note::Warning { key: "netlink: interrupted dump", .. }]));
    assert_eq!((ports.ports, ports.restarts), (vec!["5".to_owned()], ATTEMPTS - 1));

    // No time for another one: the deadline comes before a retry would end.
    let (mut source, _) = scripted(vec![vec![interrupted(1)]]);
    let mut ports = Ports::default();
    let notes = source.dump(Protocol::Unix, Instant::now(), &mut ports).unwrap();
    assert!(matches!(notes.as_slice(), [Note::Warning { .. }]));
    assert_eq!((ports.ports, ports.restarts), (vec!["5".to_owned()], 0));
}

#[test]
fn tells_a_protocol_that_is_not_in_the_kernel() {
    let error = message(ERROR, 0, 1, &(-2_i32).to_ne_bytes());
    for answer in [done(1, 2), error] {
        let (mut source, _) = scripted(vec![vec![Ok(answer)]]);
        let (notes, ports) = dump(&mut source);
        let notes = notes.unwrap();
        let [Note::Info { text, .. }] = notes.as_slice() else { panic!("{notes:?}") };
        assert_eq!(
            text,
            "netlink: this kernel has no unix sockets, or not the module unix_diag that lists them"
        );
        assert_eq!(ports.ports, [""; 0]);
    }
}

#[test]
fn one_family_of_two_is_enough() {
    let (mut source, _) = scripted(vec![vec![Ok(done(1, 0)), Ok(done(2, 2))]]);
    let notes = source.dump(Protocol::Sctp, soon(), &mut Ports::default()).unwrap();
    assert_eq!(notes, []);
}

/// A source with one socket, or one that fails.
struct Table(Result<(), fn(String) -> SourceError>);

impl Source for Table {
    fn dump(&mut self, _: Protocol, _: Instant, sink: &mut dyn Sink) -> Result<Vec<Note>, SourceError> {
        self.0.map_err(|error| error("no table".to_owned()))?;
        sink.socket(&Socket { remote_port: b"table", ..Socket::default() });
        Ok(Vec::new())
    }
}

#[test]
fn falls_back_where_the_kernel_does_not_list_a_protocol() {
    let with = |table| {
        let (source, _) = scripted(vec![vec![Ok(done(1, 2))]]);
        dump(&mut source.with_fallback(Box::new(Table(table))))
    };
    let (notes, ports) = with(Ok(()));
    let notes = notes.unwrap();
    assert!(
        matches!(&notes[..], [Note::Info { text, .. }] if text.ends_with("; read from /proc/net instead"))
    );
    assert_eq!(ports.ports, ["table"]);

    let (notes, ports) = with(Err(SourceError::Unavailable));
    let notes = notes.unwrap();
    assert!(matches!(&notes[..], [Note::Info { text, .. }] if text.ends_with("that lists them")));
    assert_eq!(ports.ports, [""; 0]);

    assert_eq!(text(with(Err(SourceError::Failed)).0), "no table");
}

#[test]
fn makes_the_queue_longer_when_it_is_full() {
    let overrun = message(OVERRUN, 0, 2, &[]);
    let (mut source, opened) = scripted(vec![
        vec![Ok(socket(1, 0, 5)), Err(Errno::ENOBUFS)],
        vec![Ok(overrun)],
        vec![Ok([socket(3, 0, 5), done(3, 0)].concat())],
    ]);
    let (notes, ports) = dump(&mut source);
    assert_eq!(notes.unwrap(), []);
    assert_eq!((ports.ports, ports.restarts), (vec!["5".to_owned()], 2));
    assert_eq!(*opened.lock().unwrap(), [(QUEUE, 1), (2 * QUEUE, 1), (4 * QUEUE, 1)]);

    let (mut source, opened) = scripted(vec![vec![Err(Errno::ENOBUFS)]; ATTEMPTS as usize]);
    let (result, _) = dump(&mut source);
    assert!(
        matches!(&result, Err(SourceError::Failed(text)) if text.contains("net.core.rmem_max")),
        "{result:?}"
    );
    assert_eq!(opened.lock().unwrap().len(), ATTEMPTS as usize);
    assert_eq!(source.queue, QUEUE);
}

#[test]
fn makes_room_for_a_long_datagram_and_gives_it_back() {
    let long = |sequence| {
        let sockets = socket(sequence, 0, 5).repeat(DATAGRAM / 40 + 1);
        Ok([sockets, done(sequence, 0)].concat())
    };
    let (mut source, _) = scripted(vec![vec![long(1)], vec![long(2)]]);
    let (notes, ports) = dump(&mut source);
    assert_eq!(notes.unwrap(), []);
    assert_eq!((ports.ports.len(), ports.restarts), (DATAGRAM / 40 + 1, 1));
    assert_eq!(source.buffer.capacity(), DATAGRAM);

    let endless = vec![0; LONGEST_DATAGRAM + 1];
    let (mut source, _) = scripted(vec![vec![Ok(endless)]]);
    assert!(text(dump(&mut source).0).ends_with("a datagram of 16777217 bytes"));
}

#[test]
fn skips_what_answers_another_question() {
    let mut foreign = socket(1, 0, 6);
    foreign[12] ^= 1;
    let (mut source, _) = scripted(vec![vec![Ok([
        socket(0, INTERRUPTED, 5),
        done(0, 2),
        foreign,
        message(crate::netlink::message::NOOP, 0, 1, &[]),
        message(ERROR, 0, 1, &[0; 4]),
        socket(1, 0, 7),
        done(1, 0),
    ]
    .concat())]]);
    let (notes, ports) = dump(&mut source);
    assert_eq!((notes.unwrap(), ports.ports), (vec![], vec!["7".to_owned()]));
}

#[test]
fn a_bad_message_costs_its_row() {
    let of_another_family = message(SOCK_DIAG_BY_FAMILY, 0, 1, &[2; 16]);
    let of_another_kind = message(99, 0, 1, &[1; 16]);
    let cut = message(SOCK_DIAG_BY_FAMILY, 0, 1, &[1; 12]);
    let (mut source, _) = scripted(vec![vec![Ok([
        socket(1, 0, 5),
        of_another_family,
        of_another_kind,
        cut,
        socket(1, 0, 6),
        done(1, 0),
    ]
    .concat())]]);
    let (notes, ports) = dump(&mut source);
    let notes = notes.unwrap();
    let [Note::Warning { text, .. }] = notes.as_slice() else { panic!("{notes:?}") };
    assert_eq!(text, "netlink: 3 messages about unix sockets left out: malformed");
    assert_eq!(ports.ports, ["5", "6"]);
}

#[test]
fn a_broken_stream_fails_and_the_next_dump_opens_another() {
    for broken in [Vec::new(), vec![1; 15], [socket(1, 0, 5), vec![0; 16]].concat()] {
        let good = vec![Ok([socket(2, 0, 6), done(2, 0)].concat())];
        let (mut source, opened) = scripted(vec![vec![Ok(broken)], good]);
        assert!(text(dump(&mut source).0).ends_with("the kernel's answer is malformed"));
        assert_eq!(dump(&mut source).1.ports, ["6"]);
        assert_eq!(opened.lock().unwrap().len(), 2);
    }
}

#[test]
fn the_deadline_ends_a_dump() {
    let (mut source, _) = scripted(vec![vec![Ok(socket(1, 0, 5))]]);
    assert_eq!(text(dump(&mut source).0), "netlink: unix sockets not listed within the timeout");
    let begin = Instant::now();
    let mut kernel = KernelChannel::open(SockProtocol::NetlinkSockDiag, 0, QUEUE).unwrap();
    let result = kernel.receive(&mut [0; 100], begin + Duration::from_millis(30));
    assert_eq!(result, Err(Errno::ETIME));
    assert!(begin.elapsed() >= Duration::from_millis(30));
}

#[test]
fn what_this_host_lacks_is_told_from_what_passes() {
    for (errno, unavailable) in [
        (Errno::EPROTONOSUPPORT, true),
        (Errno::EAFNOSUPPORT, true),
        (Errno::EPERM, true),
        (Errno::EMFILE, false),
        (Errno::ENOMEM, false),
    ] {
        let mut source = Netlink::with_channel(Box::new(move |_| Err(errno)), Names::Own);
        let error = dump(&mut source).0.unwrap_err();
        assert_eq!(matches!(error, SourceError::Unavailable(_)), unavailable, "{error}");
        let (mut source, _) = scripted(vec![vec![Ok(done(1, errno as i32))]]);
        let error = dump(&mut source).0.unwrap_err();
        assert_eq!(matches!(error, SourceError::Unavailable(_)), unavailable, "{error}");
    }
}

#[test]
fn probes_this_host() {
    assert_eq!(probe(Protocol::Tcp, soon()), Ok(()));
}
