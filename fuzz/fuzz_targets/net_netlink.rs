#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| telegraf_execd_network_fuzz::net_netlink(data));
