use proptest::prelude::*;

use super::*;
use crate::logger::Level;

const KNOWN: &[Known] = &[
    Known { name: "net", options: || &["interfaces", "flag"] },
    Known { name: "socketstat", options: || &[] },
];

fn parsed_with<'t>(
    text: &'t str,
    lookup: &dyn Fn(&str) -> Option<String>,
) -> Result<Vec<Section<'t>>, String> {
    parse("f.conf", text, KNOWN, lookup).map_err(|error| error.to_string())
}

fn parsed(text: &str) -> Result<Vec<Section<'_>>, String> {
    parsed_with(text, &|_| None)
}

fn error(text: &str) -> String {
    parsed(text).map(|_| ()).expect_err(text)
}

/// The options of a section that holds `text`.
fn global(text: &str) -> Global {
    let text = format!("[[inputs.net]]\n{text}");
    let mut sections = parsed(&text).unwrap_or_else(|error| panic!("{text}\n{error}"));
    sections.remove(0).global
}

/// Name, line and alias of each section.
fn outline(text: &str) -> Vec<(&'static str, usize, String)> {
    let sections = parsed(text).unwrap_or_else(|error| panic!("{text}\n{error}"));
    sections.into_iter().map(|section| (section.name, section.line, section.global.alias)).collect()
}

#[test]
fn the_sample_is_a_configuration_of_every_input() {
    let known = crate::inputs::known();
    let sections = parse(BUILT_IN, SAMPLE, &known, &|_| None).expect("the sample is sound");
    let names: Vec<&str> = sections.iter().map(|section| section.name).collect();
    assert_eq!(names, known.iter().map(|known| known.name).collect::<Vec<_>>());
    for option in known.iter().flat_map(|known| (known.options)()) {
        assert!(SAMPLE.contains(&format!("{option} = ")), "the sample tells nothing of {option}");
    }
}

#[test]
fn sections_come_in_the_order_of_the_file() {
    let text = "[[inputs.socketstat]]\nalias = 'a'\n[[inputs.net]]\n[[inputs.socketstat]]\nalias = 'b'\n[[inputs.net]]\n";
    let expected = [("socketstat", 1, "a"), ("net", 3, ""), ("socketstat", 4, "b"), ("net", 6, "")];
    assert_eq!(outline(text), expected.map(|(name, line, alias)| (name, line, alias.to_owned())));
}

#[test]
fn a_section_may_be_written_in_other_ways() {
    let net = |line| vec![("net", line, "x".to_owned())];
    assert_eq!(outline("\n[inputs.net]\nalias = 'x'"), net(2));
    assert_eq!(outline("inputs.net.alias = 'x'"), net(1));
    assert_eq!(outline("inputs = {net = {alias = 'x'}}"), net(1));
    assert_eq!(outline("[inputs]\nnet = [{alias = 'x'}]"), net(2));
    assert_eq!(outline("\n[[plugins.net]]\nalias = 'x'"), net(2));
}

#[test]
fn errors_in_the_structure_of_the_file_are_reported() {
    for (text, expected) in [
        ("", "f.conf: no input is configured: add [[inputs.net]] or [[inputs.socketstat]]"),
        ("[inputs]\nnet = []", "f.conf: no input is configured: add [[inputs.net]] or [[inputs.socketstat]]"),
        ("inputs = 3", "f.conf:1: inputs: expected sections [[inputs.NAME]]"),
        ("\n[[inputs]]", "f.conf:2: inputs: expected sections [[inputs.NAME]]"),
        ("[inputs]\nnet = 3", "f.conf:2: inputs.net: expected a section [[inputs.net]]"),
        ("[inputs]\nnet = [3]", "f.conf:2: inputs.net: expected a section [[inputs.net]]"),
        (
            "[[inputs.ne]]",
            "f.conf:1: unknown input inputs.ne; allowed are inputs.net, inputs.socketstat; did you mean inputs.net?",
        ),
        (
            "[[input.net]]",
            "f.conf:1: unknown section \"input\": expected [[inputs.NAME]]; did you mean inputs?",
        ),
        (
            "[[inputs.net]]\n[agent]",
            "f.conf:2: section agent: belongs to Telegraf's own configuration; only [[inputs.NAME]] is allowed here",
        ),
        ("[[inputs.net]]\nalias = 'a'\nalias = 'b'", "f.conf:3: not valid TOML: duplicate key"),
    ] {
        assert_eq!(error(text), expected);
    }
    assert!(error("[[inputs.net]]\nalias = 'a").starts_with("f.conf:2: not valid TOML: "));
}

#[test]
fn an_error_has_file_line_key_and_allowed_values() {
    for (text, expected) in [
        ("alias = 3", "2: inputs.net.alias: invalid type: integer `3`, expected a string"),
        ("\nname_override = []", "3: inputs.net.name_override: invalid type: sequence, expected a string"),
        ("name_prefix = 3", "2: inputs.net.name_prefix: invalid type: integer `3`, expected a string"),
        ("name_suffix = 3", "2: inputs.net.name_suffix: invalid type: integer `3`, expected a string"),
        (
            "log_level = 'x'",
            "2: inputs.net.log_level: unknown level \"x\"; allowed are error, warn, info, debug, trace",
        ),
        (
            "namepass = 'x'",
            "2: inputs.net.namepass: invalid type: string \"x\", expected an array of strings",
        ),
        ("namedrop = ['x', 1]", "2: inputs.net.namedrop: invalid type: integer `1`, expected a string"),
        (
            "namepass_separator = []",
            "2: inputs.net.namepass_separator: invalid type: sequence, expected a string",
        ),
        (
            "namedrop_separator = 3",
            "2: inputs.net.namedrop_separator: invalid type: integer `3`, expected a string",
        ),
        ("namepass = ['[']", "2: inputs.net.namepass: glob \"[\": a \"[\" is not closed by \"]\""),
        (
            "\nfieldinclude = ['a', '[']",
            "3: inputs.net.fieldinclude: glob \"[\": a \"[\" is not closed by \"]\"",
        ),
        (
            "fieldinclude = ['a']\nfieldpass = ['[']",
            "3: inputs.net.fieldpass: glob \"[\": a \"[\" is not closed by \"]\"",
        ),
        ("fieldexclude = ['[']", "2: inputs.net.fieldexclude: glob \"[\": a \"[\" is not closed by \"]\""),
        ("pass = ['[']", "2: inputs.net.pass: glob \"[\": a \"[\" is not closed by \"]\""),
        ("drop = ['[']", "2: inputs.net.drop: glob \"[\": a \"[\" is not closed by \"]\""),
        ("fielddrop = ['[']", "2: inputs.net.fielddrop: glob \"[\": a \"[\" is not closed by \"]\""),
        ("taginclude = ['[']", "2: inputs.net.taginclude: glob \"[\": a \"[\" is not closed by \"]\""),
        (
            "tagexclude = 'x'",
            "2: inputs.net.tagexclude: invalid type: string \"x\", expected an array of strings",
        ),
        (
            "interval = '1s'",
            "2: inputs.net.interval: not supported here: Telegraf starts each gather, so put it into [[inputs.execd]]",
        ),
        ("tagpas = 3", "2: inputs.net.tagpas: unknown option; did you mean tagpass?"),
        (
            "\"a\\nb\" = 3",
            "2: inputs.net.\"a\\nb\": unknown option; allowed are interfaces, flag and Telegraf's global options",
        ),
    ] {
        assert_eq!(error(&format!("[[inputs.net]]\n{text}")), format!("f.conf:{expected}"));
    }
    for text in ["precision = 'x'", "precision = true", "precision = -1", "precision = 9e99"] {
        let error = error(&format!("[[inputs.net]]\n{text}"));
        assert!(error.starts_with("f.conf:2: inputs.net.precision: "), "{error}");
        assert!(error.contains("a number of seconds"), "{error}");
    }
}

/// Each is one that Telegraf 1.39.3 takes in the section of an input, or at least documents.
#[test]
fn an_option_of_inputs_execd_is_an_error_that_says_where_it_belongs() {
    for (options, place) in [
        ("startup_error_behavior labels data_format data_type influx_parser_type", "[[inputs.execd]]"),
        ("interval collection_jitter collection_offset", "[[inputs.execd]]"),
        ("metricpass", "[[inputs.execd]]"),
        ("always_include_global_tags", "[agent]"),
        ("time_source", "the time at which it started"),
        ("order", "[[processors.NAME]]"),
        ("delay drop_original grace period", "[[aggregators.NAME]]"),
        ("buffer_directory buffer_disk_sync buffer_strategy flush_interval", "[[outputs.NAME]]"),
        ("flush_jitter metric_batch_size metric_buffer_limit", "[[outputs.NAME]]"),
        ("id", "[[secretstores.NAME]]"),
        ("lvm", "ignores it"),
    ] {
        for option in options.split(' ') {
            let error = error(&format!("[[inputs.net]]\n{option} = 3"));
            let start = format!("f.conf:2: inputs.net.{option}: not supported here: ");
            assert!(error.starts_with(&start) && error.contains(place), "{error}");
        }
    }
}

#[test]
fn an_array_of_tables_of_tags_has_to_be_empty() {
    for text in
        ["[[inputs.net.tags]]", "[[inputs.net.tags]]\n[[inputs.net.tags]]", "tags = []", "[inputs.net.tags]"]
    {
        assert_eq!(global(text).tags, [], "{text}");
    }
    assert_eq!(
        error("[[inputs.net]]\n[[inputs.net.tags]]\n[[inputs.net.tags]]\na = 'x'"),
        "f.conf:2: inputs.net.tags: Telegraf ignores the tags of an array of tables; write one table, as in \
         [inputs.net.tags]"
    );
    assert!(
        error("[[inputs.net]]\ntags = ['a']").starts_with("f.conf:2: inputs.net.tags: invalid type: string")
    );
}

#[test]
fn a_name_that_line_protocol_does_not_allow_is_an_error() {
    let comment = "must not begin with \"#\", which makes a comment of the metric in line protocol";
    let empty =
        "must not consist of backslashes only, which leave the metric without a name in line protocol";
    for (text, expected) in [
        ("name_override = '#x'", format!("2: inputs.net.name_override: {comment}")),
        ("name_override = 'x'\nname_prefix = '#'", format!("3: inputs.net.name_prefix: {comment}")),
        ("name_override = '\\\\'", format!("2: inputs.net.name_override: {empty}")),
    ] {
        assert_eq!(error(&format!("[[inputs.net]]\n{text}")), format!("f.conf:{expected}"));
    }
    assert_eq!(global("name_prefix = 'a#'\nname_override = '#'").name_override, "#");
}

#[test]
fn an_error_in_a_table_names_the_entry() {
    for (text, expected) in [
        ("tags = 3", "2: inputs.net.tags: invalid type: integer `3`, expected a table of strings"),
        ("tags = {a = 'x', b = 2}", "2: inputs.net.tags.b: invalid type: integer `2`, expected a string"),
        (
            "[inputs.net.tags]\na = 'x'\nb = [1]",
            "4: inputs.net.tags.b: invalid type: sequence, expected a string",
        ),
        ("tags.a.b = 'x'", "2: inputs.net.tags.a: invalid type: map, expected a string"),
        (
            "[inputs.net.tagpass]\nx = []\nproto = 'tcp'",
            "4: inputs.net.tagpass.proto: invalid type: string \"tcp\", expected an array of strings",
        ),
        (
            "[inputs.net.tagpass]\nproto = [\n'tcp',\n3]",
            "5: inputs.net.tagpass.proto: invalid type: integer `3`, expected a string",
        ),
        (
            "[inputs.net.tagdrop]\nx = []\n\"a b\" = ['tcp', '[']",
            "4: inputs.net.tagdrop.\"a b\": glob \"[\": a \"[\" is not closed by \"]\"",
        ),
        (
            "[[inputs.net.tagpass]]\na = ['x']",
            "2: inputs.net.tagpass: invalid type: sequence, expected a map",
        ),
    ] {
        assert_eq!(error(&format!("[[inputs.net]]\n{text}")), format!("f.conf:{expected}"));
    }
}

#[test]
fn long_values_are_shortened_but_not_the_allowed_names() {
    let long = "x".repeat(5000);
    for (text, allowed) in [
        (format!("[[inputs.net]]\n{long} = 3"), "allowed are interfaces, flag and Telegraf's global options"),
        (format!("[[inputs.{long}]]"), "allowed are inputs.net, inputs.socketstat"),
        (format!("[{long}]"), "expected [[inputs.NAME]]"),
        (format!("[[inputs.net]]\nnamepass = '{long}'"), "expected an array of strings"),
        (format!("[[inputs.net]]\nlog_level = '{long}'"), "allowed are error, warn, info, debug, trace"),
        (format!("[[inputs.net]]\nprecision = '{long}'"), "as in \"1m30s\""),
        (format!("[[inputs.net]]\ntags.{long} = 3"), "expected a string"),
        (format!("[[inputs.net]]\ntagpass.{long} = ['[']"), "a \"[\" is not closed by \"]\""),
        (format!("[[inputs.net]]\ntagpass.a = ['[{long}']"), "a \"[\" is not closed by \"]\""),
        (format!("[[inputs.net]]\nalias = '${{A?{long}}}'"), "\"A\" is required"),
    ] {
        let error = error(&text);
        assert!(error.contains(allowed), "{error}");
        assert!(error.len() < 600, "{error}");
    }
}

#[test]
fn every_option_is_read() {
    let global = global(
        "alias = 'a'\nname_override = 'o'\nname_prefix = 'p'\nname_suffix = 's'\nprecision = '1m30s'\n\
         log_level = 'WARN'\ntags = {b = '2', a = '1'}\ntagpass = {}\nfieldpass = ['x']\nfieldinclude = ['y*']\n\
         pass = ['w', 'v']\ndrop = ['v']\nalways_include_local_tags = true\n",
    );
    assert_eq!(global.alias, "a");
    assert_eq!([global.name_override, global.name_prefix, global.name_suffix], ["o", "p", "s"]);
    assert_eq!(global.precision, std::time::Duration::from_secs(90));
    assert_eq!(global.log_level, Some(Level::Warn));
    let tags = [("a", "1"), ("b", "2")].map(|(key, value)| (key.to_owned(), value.to_owned()));
    assert_eq!(global.tags, tags, "sorted by key");
    assert!(global.always_include_local_tags);
    let kept = ["x", "y1", "w", "v", "z"].map(|key| global.filter.keeps_field(key));
    assert_eq!(kept, [true, true, true, false, false], "all names of an option count");
}

#[test]
fn log_levels_are_those_of_telegraf() {
    for (name, level) in [
        ("error", Level::Error),
        ("warn", Level::Warn),
        ("info", Level::Info),
        ("debug", Level::Debug),
        ("trace", Level::Debug),
    ] {
        assert_eq!(global(&format!("log_level = '{name}'")).log_level, Some(level));
    }
    assert_eq!(global("").log_level, None);
}

#[test]
fn the_alias_is_part_of_the_log_prefix() {
    let names = |text| parsed(text).expect(text).iter().map(Section::log_name).collect::<Vec<_>>();
    assert_eq!(names("[[inputs.net]]\n[[inputs.net]]\nalias = 'lan'"), ["inputs.net", "inputs.net::lan"]);
    let long = format!("[[inputs.net]]\nalias = '{}'", "x".repeat(5000));
    assert!(names(&long).iter().all(|name| name.len() < 300), "the message must have room behind it");
}

#[test]
fn environment_variables_are_replaced_in_every_string_value() {
    let lookup = |name: &str| (name == "DC").then(|| String::from("fra \"1\""));
    let text = "[[inputs.net]]\nalias = '${DC}'\nname_prefix = '${UNSET}'\n\
        [inputs.net.tags]\ndc = '$DC'\n'$DC' = '${UNSET:-none}'\n[inputs.net.tagpass]\nx = ['${DC}']\n";
    let sections = parsed_with(text, &lookup).expect("the text is sound");
    let global = &sections.first().expect("a section").global;
    assert_eq!(global.alias, "fra \"1\"");
    assert_eq!(global.name_prefix, "${UNSET}", "stays as it stands");
    let tags = [("$DC", "none"), ("dc", "fra \"1\"")];
    assert_eq!(global.tags, tags.map(|(key, value)| (key.to_owned(), value.to_owned())));

    let required = "[[inputs.net]]\n\n[inputs.net.tags]\ndc = '${UNSET:?set it}'";
    let expected = "f.conf:4: inputs.net.tags.dc: environment variable \"UNSET\" is required: \"set it\"";
    assert_eq!(error(required), expected);
}

#[test]
fn own_options_are_checked_by_their_type() {
    #[derive(Debug, Default, serde::Deserialize)]
    #[serde(default)]
    struct Options {
        interfaces: Strings,
        flag: bool,
    }
    let options = |text: &str| {
        let sections = parsed(text).expect("the section is sound");
        let section = sections.first().expect("a section");
        section.options::<Options>().map_err(|error| error.to_string())
    };
    let some = options("[[inputs.net]]\ninterfaces = ['eth*']\nflag = true\nalias = 'x'").expect("options");
    assert_eq!((some.interfaces.0, some.flag), (vec![String::from("eth*")], true));
    assert_eq!(
        options("[[inputs.net]]\n\nflag = 'yes'").expect_err("no boolean"),
        "f.conf:3: inputs.net.flag: invalid type: string \"yes\", expected a boolean"
    );
}

#[test]
fn an_error_found_later_has_the_line_too() {
    let sections = parsed("[[inputs.net]]\n\nflag = true").expect("the section is sound");
    let section = sections.first().expect("a section");
    let error = |key: &str| {
        let error = OptionError { key: key.to_owned(), message: String::from("is wrong") };
        section.error(&error).to_string()
    };
    assert_eq!(error("flag"), "f.conf:3: inputs.net.flag: is wrong");
    assert_eq!(error("interfaces"), "f.conf:1: inputs.net.interfaces: is wrong", "the line of the section");
}

#[test]
fn a_file_that_cannot_be_read_is_an_error() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let file = directory.path().join("plugin.conf");
    let read = || read_file(&file).map_err(|error| error.to_string());
    let name = file.display();

    let error = read().expect_err("there is none");
    assert!(error.starts_with(&format!("{name}: cannot read the configuration: ")), "{error}");
    std::fs::write(&file, b"[[inputs.net]]\n# \xff\n").expect("it can be written");
    assert_eq!(read(), Err(format!("{name}:2: the configuration is not UTF-8 text")));
    std::fs::write(&file, "[[inputs.net]]\n").expect("it can be written");
    assert_eq!(read(), Ok(String::from("[[inputs.net]]\n")));
    assert!(read_file(directory.path()).is_err(), "a directory");
}

proptest! {
    #[test]
    fn garbage_never_panics(text in ".{0,300}") {
        if let Err(error) = parsed(&text) {
            prop_assert!(error.starts_with("f.conf:"), "{}", error);
        }
    }

    #[test]
    fn near_configurations_never_panic(
        lines in prop::collection::vec(
            "(\\[\\[?(inputs)?\\.?(net|socketstat|x)?\\.?(tags|tagpass)?\\]?\\]|(inputs\\.)?(net|alias|tags|tagpass|precision|flag|\"[^\"]{0,3}\")(\\.a)? = (3|'\\$?\\{?[a-z\\[]{0,4}\\}?'|\\[.{0,6}\\]|\\{a = 'b'\\}|1e9|-1|true))",
            0..8,
        ),
    ) {
        if let Err(error) = parsed(&lines.join("\n")) {
            prop_assert!(error.starts_with("f.conf:") && !error.contains('\n'), "{}", error);
        }
    }
}
