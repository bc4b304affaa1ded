use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use nix::sys::socket::SockProtocol;

use super::*;
use crate::inputs::socketstat::socket::Endpoint;
use crate::netlink::channel::{Channel, KernelChannel};
use crate::netlink::dump::Dumper;
use crate::netlink::message::{DONE, ERROR, INTERRUPTED, NOOP, OVERRUN};
use crate::skip::skipped;

const PORT: u32 = 4711;

/// The results of receive on each opened channel, in order: a datagram or an errno.
type Script = Vec<Vec<Result<Vec<u8>, Errno>>>;

/// The number of requests on each opened channel.
type Opened = Arc<Mutex<Vec<u32>>>;

struct Scripted {
    steps: VecDeque<Result<Vec<u8>, Errno>>,
    opened: Opened,
}

impl Channel for Scripted {
    fn port(&self) -> u32 {
        PORT
    }

    fn send(&mut self, _: &[u8]) -> Result<(), Errno> {
        *self.opened.lock().unwrap().last_mut().unwrap() += 1;
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
    let open = move || {
        shared.lock().unwrap().push(0);
        let steps = script.next().unwrap().into();
        Ok(Box::new(Scripted { steps, opened: shared.clone() }) as Box<dyn Channel>)
    };
    (source(Box::new(open)), opened)
}

fn source(open: Box<crate::netlink::dump::Open>) -> Netlink {
    Netlink::new(SharedDumper::new(Dumper::with_channel(open)), Names::Own)
}

fn message(kind: u16, flags: u16, sequence: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(16 + payload.len()).unwrap();
    let mut bytes = [length.to_ne_bytes(), [0; 4], sequence.to_ne_bytes(), PORT.to_ne_bytes()].concat();
    bytes[4..6].copy_from_slice(&kind.to_ne_bytes());
    bytes[6..8].copy_from_slice(&flags.to_ne_bytes());
    bytes.extend(payload);
    bytes
}

/// A unix socket with a peer.
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

fn query(protocol: Protocol) -> Query {
    Query { protocol, states: !0, tcp_info: false, congestion: false, deadline: soon() }
}

/// The inode numbers of the peers, which are different for each [`socket`].
fn dump(source: &mut Netlink) -> (Result<Vec<Diagnostic>, SourceError>, Vec<u32>) {
    let mut peers = Vec::new();
    let outcome = source.dump(&query(Protocol::Unix), &mut |socket| match socket.remote {
        Endpoint::Unix { inode, .. } => peers.push(inode),
        other => panic!("{other:?}"),
    });
    (outcome, peers)
}

fn text(result: Result<Vec<Diagnostic>, SourceError>) -> String {
    result.unwrap_err().to_string()
}

#[test]
fn keeps_the_channel_and_the_sequence_between_dumps() {
    let (mut source, opened) = scripted(vec![vec![
        Ok([socket(1, 0, 5), socket(1, 0, 6)].concat()),
        Ok(done(1, 0)),
        Ok([socket(2, 0, 7), done(2, 0)].concat()),
    ]]);
    let (diagnostics, peers) = dump(&mut source);
    assert_eq!((diagnostics.unwrap(), peers), (vec![], vec![5, 6]));
    let (diagnostics, peers) = dump(&mut source);
    assert_eq!((diagnostics.unwrap(), peers), (vec![], vec![7]));
    assert_eq!(*opened.lock().unwrap(), [2]);
}

#[test]
fn a_protocol_that_the_kernel_does_not_list_is_unsupported() {
    let error = message(ERROR, 0, 1, &(-2_i32).to_ne_bytes());
    for answer in [done(1, 2), error] {
        let (mut source, _) = scripted(vec![vec![Ok(answer)]]);
        let (outcome, peers) = dump(&mut source);
        let Err(SourceError::Unsupported(cause)) = outcome else { panic!("{outcome:?}") };
        let expected =
            "netlink: this kernel has no unix sockets, or not the module unix_diag that lists them";
        assert_eq!((cause.to_string().as_str(), peers), (expected, vec![]));
    }
}

#[test]
fn one_family_of_two_is_enough() {
    let (mut source, opened) = scripted(vec![vec![Ok(done(1, 0)), Ok(done(2, 2))]]);
    assert_eq!(source.dump(&query(Protocol::Sctp), &mut |_| {}).unwrap(), []);
    assert_eq!(*opened.lock().unwrap(), [2]);
}

/// The local ports of a TCP dump over such a script.
fn tcp(script: Script) -> (Result<Vec<Diagnostic>, SourceError>, Vec<Option<u16>>) {
    let (mut source, _) = scripted(script);
    let mut ports = Vec::new();
    let outcome = source.dump(&query(Protocol::Tcp), &mut |socket| ports.push(socket.local.port()));
    (outcome, ports)
}

/// A TCP socket of a family with a local port.
fn tcp_socket(kind: u16, sequence: u32, family: u8, port: u16) -> Vec<u8> {
    let mut payload = vec![0; 72];
    payload[0] = family;
    payload[4..6].copy_from_slice(&port.to_be_bytes());
    message(kind, 0, sequence, &payload)
}

#[test]
fn both_families_of_tcp_come_from_one_walk() {
    let row = |family, port| tcp_socket(TCPDIAG_GETSOCK, 1, family, port);
    let answer = [row(10, 1), row(2, 2), row(7, 3), row(10, 4), done(1, 0)].concat();
    let (outcome, ports) = tcp(vec![vec![Ok(answer)]]);
    assert_eq!(ports, [Some(1), Some(2), Some(4)]);
    assert_eq!(outcome.unwrap().len(), 1, "one row is of another family");
    let (outcome, _) = tcp(vec![vec![Ok(done(1, 2))]]);
    assert!(matches!(outcome, Err(SourceError::Unsupported(_))), "{outcome:?}");
}

#[test]
fn each_family_of_tcp_by_itself_where_that_request_is_not_known() {
    let row = |sequence, family, port| tcp_socket(SOCK_DIAG_BY_FAMILY, sequence, family, port);
    for errno in [Errno::EINVAL, Errno::EOPNOTSUPP] {
        let refused = vec![Ok(message(ERROR, 0, 1, &(-(errno as i32)).to_ne_bytes()))];
        let by_family = vec![
            Ok([row(2, 2, 1), row(2, 10, 9), done(2, 0)].concat()),
            Ok([row(3, 10, 2), done(3, 0)].concat()),
        ];
        assert_eq!(tcp(vec![refused, by_family]).1, [Some(1), Some(2)]);
    }
}

/// A source with one socket, or one that fails.
struct Table(Result<(), fn(Cause) -> SourceError>);

impl Source for Table {
    fn dump(&mut self, _: &Query, each: &mut dyn FnMut(&Socket<'_>)) -> Result<Vec<Diagnostic>, SourceError> {
        self.0.map_err(|error| error(Cause::new("no table")))?;
        each(&Socket { remote: Endpoint::Unix { path: b"", inode: 99 }, ..Socket::default() });
        Ok(Vec::new())
    }
}

#[test]
fn falls_back_if_the_kernel_does_not_list_a_protocol() {
    let with = |table| {
        let (source, _) = scripted(vec![vec![Ok(done(1, 2))]]);
        dump(&mut source.with_fallback(Box::new(Table(table))))
    };
    let (diagnostics, peers) = with(Ok(()));
    let diagnostics = diagnostics.unwrap();
    let [Diagnostic { level: Level::Info, text: said, .. }] = &diagnostics[..] else {
        panic!("{diagnostics:?}")
    };
    assert!(said.ends_with("; reading /proc/net instead"), "{said}");
    assert_eq!(peers, [99]);
    for error in [SourceError::Unavailable, SourceError::Unsupported] {
        let (outcome, peers) = with(Err(error));
        assert!(matches!(&outcome, Err(SourceError::Unsupported(_))), "{outcome:?}");
        assert!(text(outcome).ends_with("that lists them"));
        assert_eq!(peers, []);
    }
    assert_eq!(text(with(Err(SourceError::Failed)).0), "no table");
}

#[test]
fn a_full_queue_and_a_truncated_datagram_fail() {
    let full = vec![Ok(socket(1, 0, 5)), Err(Errno::ENOBUFS)];
    let overrun = vec![Ok(message(OVERRUN, 0, 1, &[]))];
    for script in [full, overrun] {
        let (mut source, _) = scripted(vec![script]);
        let said = text(dump(&mut source).0);
        assert_eq!(said, "netlink: cannot list unix sockets: no room in the queue, see net.core.rmem_max");
    }
    let (mut source, _) = scripted(vec![vec![Ok(vec![0; 1 << 20])]]);
    assert!(text(dump(&mut source).0).ends_with("truncated datagram of 1048576 bytes"));
}

#[test]
fn skips_answers_to_other_requests() {
    let mut foreign = socket(1, 0, 6);
    foreign[12] ^= 1;
    let (mut source, _) = scripted(vec![vec![Ok([
        socket(0, INTERRUPTED, 5),
        done(0, 2),
        foreign,
        message(NOOP, 0, 1, &[]),
        socket(1, 0, 7),
        done(1, 0),
    ]
    .concat())]]);
    let (diagnostics, peers) = dump(&mut source);
    assert_eq!((diagnostics.unwrap(), peers), (vec![], vec![7]));
}

#[test]
fn a_malformed_message_is_skipped() {
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
    let (diagnostics, peers) = dump(&mut source);
    let diagnostics = diagnostics.unwrap();
    let [Diagnostic { level: Level::Warn, text, .. }] = &diagnostics[..] else { panic!("{diagnostics:?}") };
    assert!(text.starts_with("netlink: unix: skipped 3 malformed rows, first: "), "{text}");
    assert_eq!(peers, [5, 6]);
}

#[test]
fn a_malformed_datagram_fails_and_the_next_dump_reopens() {
    for broken in [Vec::new(), vec![1; 15], [socket(1, 0, 5), vec![0; 16]].concat()] {
        let good = vec![Ok([socket(2, 0, 6), done(2, 0)].concat())];
        let (mut source, opened) = scripted(vec![vec![Ok(broken)], good]);
        assert!(text(dump(&mut source).0).ends_with("malformed answer from the kernel"));
        assert_eq!(dump(&mut source).1, [6]);
        assert_eq!(opened.lock().unwrap().len(), 2);
    }
}

#[test]
fn a_dump_times_out() {
    let (mut source, _) = scripted(vec![vec![Ok(socket(1, 0, 5))]]);
    assert_eq!(text(dump(&mut source).0), "netlink: cannot list unix sockets: timed out (option timeout)");
    let begin = Instant::now();
    let mut kernel = match KernelChannel::open(SockProtocol::NetlinkSockDiag, 0, 0) {
        Ok(kernel) => kernel,
        Err(error) => return skipped(&format!("needs NETLINK_SOCK_DIAG: {error}")),
    };
    let result = kernel.receive(&mut [0; 100], begin + Duration::from_millis(30));
    assert_eq!(result, Err(Errno::ETIME));
    assert!(begin.elapsed() >= Duration::from_millis(30));
}

#[test]
fn permanent_errors_are_unavailable_and_others_failed() {
    for (errno, unavailable) in [
        (Errno::EPROTONOSUPPORT, true),
        (Errno::EAFNOSUPPORT, true),
        (Errno::EPERM, true),
        (Errno::EMFILE, false),
        (Errno::ENOMEM, false),
    ] {
        let mut source = self::source(Box::new(move || Err(errno)));
        let error = dump(&mut source).0.unwrap_err();
        assert_eq!(matches!(error, SourceError::Unavailable(_)), unavailable, "{error}");
        let (mut source, _) = scripted(vec![vec![Ok(done(1, errno as i32))]]);
        let error = dump(&mut source).0.unwrap_err();
        assert_eq!(matches!(error, SourceError::Unavailable(_)), unavailable, "{error}");
    }
}

#[test]
fn probes_this_host() {
    let dumper = SharedDumper::new(Dumper::new(SockProtocol::NetlinkSockDiag));
    if let Err(error) = probe(&dumper, Protocol::Tcp, soon()) {
        skipped(&format!("needs NETLINK_SOCK_DIAG: {error}"));
    }
}
