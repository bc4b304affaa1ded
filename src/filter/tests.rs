use super::glob::GlobFault;
use super::*;
use crate::metric::Value;

const TAGS: &[(&str, &[u8])] =
    &[("empty", b""), ("local_addr", b"10.0.0.1"), ("odd", b"a\xffb"), ("proto", b"tcp")];

fn list(entries: &[&str]) -> Vec<String> {
    entries.iter().map(|entry| (*entry).to_owned()).collect()
}

fn table(entries: &[(&str, &[&str])]) -> Vec<(String, Vec<String>)> {
    entries.iter().map(|(tag, values)| ((*tag).to_owned(), list(values))).collect()
}

fn compiled(options: &FilterOptions) -> Filter {
    Filter::compile(options).unwrap_or_else(|error| panic!("{error}"))
}

/// Which of these names are selected.
fn names<'n>(options: &FilterOptions, names: &[&'n str]) -> Vec<&'n str> {
    let filter = compiled(options);
    let fields = [("recv_q", Value::Unsigned(0))];
    let selected = |name: &&str| filter.selects(&Metric { name, tags: TAGS, fields: &fields });
    names.iter().copied().filter(selected).collect()
}

/// Whether a metric with the tags above is selected.
fn by_tags(pass: &[(&str, &[&str])], drop: &[(&str, &[&str])]) -> bool {
    let options = FilterOptions { tagpass: table(pass), tagdrop: table(drop), ..FilterOptions::default() };
    compiled(&options).selects(&Metric { name: "socketstat", tags: TAGS, fields: &[] })
}

#[test]
fn the_default_keeps_everything() {
    for filter in [Filter::default(), compiled(&FilterOptions::default())] {
        assert!(filter.selects(&Metric { name: "", tags: TAGS, fields: &[] }));
        assert!(filter.keeps_field("recv_q") && filter.keeps_tag("proto"));
    }
}

#[test]
fn namepass_keeps_what_matches() {
    let options = FilterOptions { namepass: list(&["socket*", "net"]), ..FilterOptions::default() };
    assert_eq!(names(&options, &["socketstat", "net", "nets", "cpu", ""]), ["socketstat", "net"]);
}

#[test]
fn namedrop_drops_what_matches() {
    let options = FilterOptions { namedrop: list(&["socket*", "net"]), ..FilterOptions::default() };
    assert_eq!(names(&options, &["socketstat", "net", "nets", "cpu"]), ["nets", "cpu"]);
}

#[test]
fn namedrop_wins_over_namepass() {
    let options =
        FilterOptions { namepass: list(&["n*"]), namedrop: list(&["net"]), ..FilterOptions::default() };
    assert_eq!(names(&options, &["net", "nets", "cpu"]), ["nets"]);
}

#[test]
fn each_name_list_has_its_own_separators() {
    let options = FilterOptions {
        namepass: list(&["a.*"]),
        namepass_separator: ".".into(),
        namedrop: list(&["*.x"]),
        namedrop_separator: "-".into(),
        ..FilterOptions::default()
    };
    assert_eq!(names(&options, &["a.b", "a.b.c", "a.x", "a.-x"]), ["a.b", "a.-x"]);
    let without = FilterOptions { namepass: list(&["a.*"]), ..FilterOptions::default() };
    assert_eq!(names(&without, &["a.b", "a.b.c", "b"]), ["a.b", "a.b.c"]);
}

#[test]
fn tagpass_requires_one_tag_with_one_value() {
    assert!(by_tags(&[("proto", &["udp", "tcp"])], &[]));
    assert!(by_tags(&[("proto", &["t*"])], &[]));
    assert!(by_tags(&[("proto", &["udp"]), ("local_addr", &["10.*"])], &[]), "one entry is enough");
    assert!(!by_tags(&[("proto", &["udp"])], &[]));
    assert!(!by_tags(&[("prot", &["tcp"])], &[]));
    assert!(!by_tags(&[("absent", &["*"])], &[]));
}

#[test]
fn tagdrop_drops_on_one_tag_with_one_value() {
    assert!(!by_tags(&[], &[("proto", &["tcp"])]));
    assert!(!by_tags(&[], &[("absent", &["*"]), ("local_addr", &["*.1"])]));
    assert!(by_tags(&[], &[("proto", &["udp"]), ("absent", &["*"])]));
}

#[test]
fn tagdrop_wins_over_tagpass() {
    assert!(!by_tags(&[("proto", &["tcp"])], &[("local_addr", &["10.*"])]));
    assert!(!by_tags(&[("proto", &["tcp"])], &[("proto", &["tcp"])]));
    assert!(by_tags(&[("proto", &["tcp"])], &[("local_addr", &["192.*"])]));
    assert!(!by_tags(&[("proto", &["udp"])], &[("local_addr", &["192.*"])]));
}

#[test]
fn an_entry_without_values_matches_nothing() {
    assert!(!by_tags(&[("proto", &[])], &[]));
    assert!(by_tags(&[("proto", &[]), ("local_addr", &["*"])], &[]));
    assert!(by_tags(&[], &[("proto", &[])]));
}

#[test]
fn an_empty_tag_value_is_not_a_tag() {
    assert!(!by_tags(&[("empty", &["*"])], &[]));
    assert!(by_tags(&[], &[("empty", &["*", ""])]));
}

#[test]
fn invalid_utf8_is_matched_as_it_is_written() {
    assert!(by_tags(&[("odd", &["a\u{fffd}b"])], &[]));
    assert!(by_tags(&[("odd", &["a?b"])], &[]));
    assert!(!by_tags(&[("odd", &["ab"])], &[]));
}

#[test]
fn names_and_tags_must_both_pass() {
    let options = FilterOptions {
        namepass: list(&["net"]),
        tagpass: table(&[("proto", &["tcp"])]),
        ..FilterOptions::default()
    };
    assert_eq!(names(&options, &["net", "cpu"]), ["net"]);
    let options = FilterOptions { tagpass: table(&[("proto", &["udp"])]), ..options };
    assert!(names(&options, &["net", "cpu"]).is_empty());
}

/// What of these keys an include list and an exclude list leave, by fields and by tags alike.
fn left(include: &[&str], exclude: &[&str]) -> Vec<&'static str> {
    let keys = ["bytes_acked", "bytes_received", "recv_q", "state"];
    let fields = compiled(&FilterOptions {
        fieldinclude: list(include),
        fieldexclude: list(exclude),
        ..FilterOptions::default()
    });
    let tags = compiled(&FilterOptions {
        taginclude: list(include),
        tagexclude: list(exclude),
        ..FilterOptions::default()
    });
    for key in keys {
        assert_eq!(fields.keeps_field(key), tags.keeps_tag(key));
        assert!(fields.keeps_tag(key) && tags.keeps_field(key));
    }
    keys.into_iter().filter(|key| fields.keeps_field(key)).collect()
}

#[test]
fn include_and_exclude_select_fields_and_tags() {
    assert_eq!(left(&["bytes_*", "state"], &[]), ["bytes_acked", "bytes_received", "state"]);
    assert_eq!(left(&[], &["bytes_*", "state"]), ["recv_q"]);
    assert_eq!(left(&["bytes_*"], &["*_acked"]), ["bytes_received"]);
    assert_eq!(left(&["state"], &["state"]), [""; 0]);
}

#[test]
fn an_error_names_the_option() {
    let bad = list(&["good", "[b-a]"]);
    let tags = vec![("proto".to_owned(), bad.clone())];
    let default = FilterOptions::default;
    for (key, options) in [
        ("namepass", FilterOptions { namepass: bad.clone(), ..default() }),
        ("namedrop", FilterOptions { namedrop: bad.clone(), ..default() }),
        ("fieldinclude", FilterOptions { fieldinclude: bad.clone(), ..default() }),
        ("fieldexclude", FilterOptions { fieldexclude: bad.clone(), ..default() }),
        ("taginclude", FilterOptions { taginclude: bad.clone(), ..default() }),
        ("tagexclude", FilterOptions { tagexclude: bad.clone(), ..default() }),
        ("tagpass", FilterOptions { tagpass: tags.clone(), ..default() }),
        ("tagdrop", FilterOptions { tagdrop: tags, ..default() }),
    ] {
        let error = Filter::compile(&options).expect_err(key);
        assert_eq!((error.key, error.cause.fault), (key, GlobFault::DescendingRange('b', 'a')));
        let tag = error.tag.as_ref().map(|tag| format!(".{tag}")).unwrap_or_default();
        assert_eq!(tag.is_empty(), !["tagpass", "tagdrop"].contains(&key));
        assert_eq!(
            error.to_string(),
            format!("{key}{tag}: glob \"[b-a]\": the range 'b'-'a' is in descending order")
        );
    }
}
