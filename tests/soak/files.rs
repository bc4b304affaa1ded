//! Both inputs with files whose numbers change in a known way.

#![allow(clippy::format_push_string, reason = "a table is read more easily as it is printed")]

use std::fs;
use std::net::Ipv4Addr;
use std::path::Path;

use super::Soak;
use crate::support::execd::{command, dir};

/// A number that changes with each gather: it grows in steps, jumps to both bounds of 64 bits, and restarts.
fn counter(gather: usize, column: usize) -> u64 {
    let step = gather as u64 * (column as u64 + 1);
    match gather % 1000 {
        0 => 0,
        1 => u64::MAX - column as u64,
        2 => (1 << 63) - 1 + column as u64,
        _ => step * step,
    }
}

/// Writes the tables of `/proc/net` for a gather. Returns the expected lines.
fn tables(net: &Path, gather: usize) -> Vec<String> {
    let mut expected = Vec::new();
    let mut tcp = String::from(
        "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n",
    );
    for socket in 0..gather * 7 % 40 {
        let (port, send, receive) =
            (1000 + socket, counter(gather, socket) & 0xffff_ffff, counter(gather, socket + 1) & 0xffff_ffff);
        let [local, remote] =
            [Ipv4Addr::LOCALHOST, Ipv4Addr::new(10, 0, 0, 1)].map(|end| u32::from_ne_bytes(end.octets()));
        tcp += &format!(
            "{socket:4}: {local:08X}:{port:04X} {remote:08X}:01BB 01 {send:08X}:{receive:08X} 00:00000000 00000000     0        0 {}\n",
            5000 + socket
        );
        expected.push(format!(
            "socketstat,local_addr=127.0.0.1,local_port={port},proto=tcp,remote_addr=10.0.0.1,remote_port=443 \
             state=\"ESTAB\",recv_q={receive}i,send_q={send}i"
        ));
    }
    let mut dev = String::from(
        "Inter-|   Receive                                                |  Transmit\n face |bytes    packets errs drop fifo frame \
         compressed multicast|bytes    packets errs drop fifo colls carrier compressed\n",
    );
    for interface in 0..=gather % 5 {
        let values: Vec<u64> = (0..16).map(|column| counter(gather + interface, column)).collect();
        let text: Vec<String> = values.iter().map(u64::to_string).collect();
        dev += &format!("  eth{interface}: {}\n", text.join(" "));
        let columns = [
            ("bytes_sent", 8),
            ("bytes_recv", 0),
            ("packets_sent", 9),
            ("packets_recv", 1),
            ("err_in", 2),
            ("err_out", 10),
            ("drop_in", 3),
            ("drop_out", 11),
        ];
        let fields = columns
            .map(|(name, column): (_, usize)| format!("{name}={}i", values[column].min(i64::MAX as u64)));
        expected.push(format!("net,interface=eth{interface} {},speed=-1i", fields.join(",")));
    }
    let values = [counter(gather, 3), counter(gather, 4)].map(u64::cast_signed);
    let snmp = format!("Tcp: MaxConn InSegs\nTcp: {} {}\n", values[0], values[1]);
    expected.push(format!("net,interface=all tcp_maxconn={}i,tcp_insegs={}i", values[0], values[1]));
    for (name, text) in [("tcp", tcp), ("dev", dev), ("snmp", snmp)] {
        fs::write(net.join(name), text).expect("a file");
    }
    expected
}

#[test]
fn values_of_files() {
    let dir = dir();
    let net = dir.path().join("proc/net");
    fs::create_dir_all(&net).expect("a directory");
    let config = "[[inputs.socketstat]]\n  source = \"procfs\"\n  protocols = [\"tcp\"]\n[[inputs.net]]\n  source = \"procfs\"\n";
    let mut plugin = command(dir.path(), config);
    plugin.env("HOST_PROC", dir.path().join("proc")).env("HOST_SYS", "/nonexistent");
    let mut soak = Soak::start("values of files", plugin);
    while let Some(gather) = soak.next() {
        let expected = tables(&net, gather);
        assert_eq!(soak.gather("net,interface=all "), expected, "gather {gather}");
    }
    soak.end();
}
