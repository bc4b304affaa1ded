//! Benchmarks of the hot paths alone: from a table to rows, and from rows to lines, without I/O.
//!
//! `cargo bench --bench parsers`. The inputs are like those of ss 6.1 and Linux 6.18 for connected sockets on loopback.

use std::fmt::Write as _;
use std::hint::black_box;
use std::net::Ipv4Addr;
use std::time::SystemTime;

use divan::Bencher;
use divan::counter::ItemsCount;
use telegraf_execd_network::accumulator::Accumulator;
use telegraf_execd_network::config::Global;
use telegraf_execd_network::inputs::net::dev::Devices;
use telegraf_execd_network::inputs::socketstat::lines::Lines as SocketLines;
use telegraf_execd_network::inputs::socketstat::netlink::question::AF_INET;
use telegraf_execd_network::inputs::socketstat::netlink::rows::Rows;
use telegraf_execd_network::inputs::socketstat::socket::{
    Device, Endpoint, Protocol, Socket, State, TcpInfo,
};
use telegraf_execd_network::inputs::socketstat::ss::table::SsTable;
use telegraf_execd_network::line_protocol::Unsigned;
use telegraf_execd_network::lines::Lines;
use telegraf_execd_network::logger::{Level, Logger};
use telegraf_execd_network::output::Output;

/// The number of rows of a table.
const ROWS: usize = 1_000;

fn main() {
    divan::main();
}

fn ss_output() -> Vec<u8> {
    let mut text = String::from(
        "State      Recv-Q Send-Q           Local Address:Port            Peer Address:Port Process\n",
    );
    for port in 0..ROWS {
        let row = writeln!(
            text,
            "ESTAB      0      0                    127.0.0.1:{:<10}           127.0.0.1:{:<20}\n\t cubic wscale:7,7 \
             rto:204 rtt:0.024/0.012 ato:40 mss:32768 pmtu:65535 rcvmss:536 advmss:65483 cwnd:10 bytes_sent:100 \
             bytes_acked:101 bytes_received:100 segs_out:4 segs_in:3 data_segs_out:1 data_segs_in:1 send \
             109226666667bps lastsnd:4012 lastrcv:4012 lastack:4012 pacing_rate 218453333328bps delivery_rate \
             29127111104bps delivered:2 app_limited rcv_space:65495 rcv_ssthresh:65495 minrtt:0.009 snd_wnd:65536",
            40_000 + port,
            9_000 + port
        );
        row.expect("a string can be written");
    }
    text.into_bytes()
}

fn parse_ss(text: &[u8]) {
    let mut table = SsTable::new(Protocol::Tcp);
    let mut each = |socket: &Socket<'_>| {
        black_box(socket);
    };
    Lines::default().feed(text, &mut |line| table.line(line, &mut each).expect("a valid table"));
    table.finish(&mut each).expect("a valid table");
}

#[divan::bench]
fn ss_table(bencher: Bencher<'_, '_>) {
    let text = ss_output();
    bencher.counter(ItemsCount::new(ROWS)).bench_local(|| parse_ss(black_box(&text)));
}

/// `struct inet_diag_msg` with `INET_DIAG_INFO`, as `tcp_diag` of Linux 6.18 fills them.
fn netlink_payload() -> Vec<u8> {
    const TCP_INFO: u8 = 248;
    let mut payload = vec![AF_INET, 1, 0, 0, 0x9c, 0x40, 0x23, 0x28, 127, 0, 0, 1];
    payload.resize(24, 0);
    payload.extend([127, 0, 0, 1]);
    payload.resize(72, 0);
    // Attributes: type of service, class, congestion control algorithm and `tcp_info`.
    payload.extend([
        5, 0, 5, 0, 0, 0, 0, 0, 8, 0, 17, 0, 0, 0, 0, 0, 10, 0, 4, 0, b'c', b'u', b'b', b'i', b'c', 0, 0, 0,
    ]);
    payload.extend([4 + TCP_INFO, 0, 2, 0]);
    payload.extend((0..TCP_INFO).map(|at| if (120..160).contains(&at) && at % 4 == 0 { 101 } else { 0 }));
    payload
}

#[divan::bench]
fn netlink_rows(bencher: Bencher<'_, '_>) {
    let payload = netlink_payload();
    let mut rows = Rows::default();
    bencher.counter(ItemsCount::new(ROWS)).bench_local(|| {
        for _ in 0..ROWS {
            let socket = rows.parse(Protocol::Tcp, AF_INET, black_box(&payload));
            black_box(socket.expect("a valid message"));
        }
    });
}

#[divan::bench]
fn proc_net_dev(bencher: Bencher<'_, '_>) {
    let mut text = String::from(
        "Inter-|   Receive                                                |  Transmit\n \
         face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier compressed\n",
    );
    for interface in 0..ROWS {
        let row = writeln!(
            text,
            " veth{interface}: 976766459   55366    0    0    0     0          0         0  4280714   38007    0    0    0     0       0          0"
        );
        row.expect("a string can be written");
    }
    bencher.counter(ItemsCount::new(ROWS)).bench_local(|| {
        let mut devices = Devices::default();
        Lines::default().feed(black_box(text.as_bytes()), &mut |line| {
            black_box(devices.line(line));
        });
    });
}

/// From a socket to its line, with a filter without options.
#[divan::bench]
fn line_protocol(bencher: Bencher<'_, '_>) {
    let end = |port| Endpoint::Inet {
        address: Ipv4Addr::LOCALHOST.into(),
        port,
        device: Device::Any,
        v6only: false,
    };
    let socket = Socket {
        local: end(40_000),
        remote: end(9_000),
        state: State::Number(1),
        recv_q: Some(0),
        send_q: Some(0),
        tcp: TcpInfo::Printed(&[Some(101), Some(100), Some(4), Some(3), Some(1), Some(1)]),
        ..Socket::default()
    };
    let mut lines = SocketLines::default();
    let global = Global::default();
    let mut log = Logger::new("bench", Level::Error);
    let stdout = std::os::fd::AsFd::as_fd(&std::io::stdout()).try_clone_to_owned().expect("a stdout");
    let mut output = Output::new(stdout);
    let mut accumulator =
        Accumulator::new(&global, &mut log, &mut output, Unsigned::Clamped, SystemTime::now());
    bencher.counter(ItemsCount::new(ROWS)).bench_local(|| {
        let mark = accumulator.mark();
        for _ in 0..ROWS {
            lines.write(Protocol::Tcp, black_box(&socket), &mut |metric| accumulator.add(metric));
        }
        accumulator.rollback(mark);
    });
}
