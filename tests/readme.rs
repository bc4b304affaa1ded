//! Checks the documentation against the program: the flags, options, metrics and messages in the README and docs/ are those
//! of the binary, and the commands and configurations work.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use regex::Regex;
use telegraf_execd_network::cli;
use telegraf_execd_network::config;
use telegraf_execd_network::host::Host;
use telegraf_execd_network::inputs::socketstat::field::{CONTRACT, FIELDS};
use telegraf_execd_network::inputs::{self, Environment};

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

fn read(name: &str) -> String {
    let path = Path::new(ROOT).join(name);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn readme() -> String {
    read("README.md")
}

/// All documents at the root and in docs/: relative path and content.
fn documents() -> Vec<(String, String)> {
    let entries = fs::read_dir(Path::new(ROOT).join("docs")).expect("docs/ can be read");
    let names = entries.map(|entry| entry.expect("docs/ can be read").file_name());
    let mut paths: Vec<String> = names
        .map(|name| format!("docs/{}", name.to_str().expect("a plain name")))
        .filter(|path| Path::new(path).extension().is_some_and(|extension| extension == "md"))
        .collect();
    assert!(paths.len() >= 8, "{paths:?}");
    paths.extend(["README.md", "CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md"].map(str::to_owned));
    paths.into_iter().map(|path| (path.clone(), read(&path))).collect()
}

/// The chapter `## title`, without its heading. `## ` in a code block is not a heading.
fn chapter(text: &str, title: &str) -> String {
    let heading = format!("## {title}");
    let (mut inside, mut in_block, mut chapter) = (false, false, String::new());
    for line in text.lines() {
        in_block ^= line.starts_with("```");
        if !in_block && line.starts_with("## ") {
            inside = line == heading;
        } else if inside {
            chapter.push_str(line);
            chapter.push('\n');
        }
    }
    assert!(!chapter.is_empty(), "no chapter {title:?}");
    chapter
}

/// The code blocks: info string and content.
fn blocks(text: &str) -> Vec<(&str, &str)> {
    let fences = Regex::new(r"(?ms)^```([^\n]+)\n(.*?)^```$").expect("a constant pattern compiles");
    fences
        .captures_iter(text)
        .map(|found| {
            let (_, [info, body]) = found.extract();
            (info, body)
        })
        .collect()
}

/// All code spans outside of code blocks.
fn code_spans(text: &str) -> BTreeSet<String> {
    let fences = Regex::new(r"(?ms)^```.*?^```$").expect("a constant pattern compiles");
    let spans = Regex::new(r"`([^`\n]+)`").expect("a constant pattern compiles");
    let prose = fences.replace_all(text, "");
    spans.captures_iter(&prose).map(|found| found[1].to_owned()).collect()
}

/// The `names` that are not a code span of `text`.
fn undocumented<'n>(text: &str, names: impl IntoIterator<Item = &'n str>) -> Vec<&'n str> {
    let spans = code_spans(text);
    names.into_iter().filter(|name| !spans.contains(*name)).collect()
}

/// Checks a configuration of the plugin as the binary does at start.
fn accepted(text: &str) -> Result<usize, String> {
    let environment = Environment::of_host(Host::from_environment(|_| None));
    let sections =
        config::parse("README", text, &inputs::known(), &|_| None).map_err(|error| error.to_string())?;
    for section in &sections {
        inputs::new(section, &environment).map_err(|error| error.to_string())?;
    }
    Ok(sections.len())
}

#[test]
fn the_sample_is_part_of_the_documents() {
    let readme = read("docs/configuration.md");
    let begin = "<!-- BEGIN plugin.conf.sample -->\n```toml\n";
    let (_, rest) = readme.split_once(begin).expect("the first marker");
    let (sample, _) = rest.split_once("```\n<!-- END plugin.conf.sample -->").expect("the second marker");
    assert_eq!(sample, config::SAMPLE, "copy plugin.conf.sample between the markers");
}

#[test]
fn the_sample_has_every_option_and_each_is_valid() {
    let sections: Vec<&str> = config::SAMPLE.split("\n[[inputs.").skip(1).collect();
    assert_eq!(sections.len(), inputs::known().len());
    for known in inputs::known() {
        let section = sections.iter().find(|section| section.starts_with(known.name)).expect("its section");
        let missing = (known.options)().iter().copied().filter(|option| {
            !section
                .lines()
                .any(|line| line.trim_start_matches(['#', ' ']).starts_with(&format!("{option} =")))
        });
        assert_eq!(missing.collect::<Vec<_>>(), [""; 0], "inputs.{} in plugin.conf.sample", known.name);
    }
    // A line `# key = value` or `# [table]` is an option; `##` is prose.
    let uncommented: Vec<String> = config::SAMPLE
        .lines()
        .map(|line| line.strip_prefix("  # ").map_or_else(|| line.to_owned(), |option| format!("  {option}")))
        .collect();
    let uncommented = uncommented.join("\n");
    assert_ne!(uncommented, config::SAMPLE);
    assert_eq!(accepted(&uncommented), Ok(inputs::known().len()));
}

#[test]
fn every_flag_is_documented() {
    let flags = Regex::new(r"--[a-z-]+( [A-Z]+)?").expect("a constant pattern compiles");
    let options = cli::HELP.split_once("Options:").expect("a list of options").1;
    let flags: BTreeSet<&str> = options.lines().filter_map(|line| Some(flags.find(line)?.as_str())).collect();
    assert!(flags.contains("--config FILE") && flags.contains("--once"), "{flags:?}");
    let documented = read("docs/configuration.md");
    assert_eq!(undocumented(&chapter(&documented, "Command line"), flags), [""; 0]);
}

#[test]
fn every_option_is_documented() {
    let documented = read("docs/configuration.md");
    let global = chapter(&documented, "Global configuration options");
    assert_eq!(undocumented(&global, config::global_options().iter().copied()), [""; 0]);
    let configuration = chapter(&documented, "The sample");
    for known in inputs::known() {
        for option in (known.options)() {
            assert!(configuration.contains(&format!("{option} =")), "inputs.{}.{option}", known.name);
        }
    }
    assert_eq!(undocumented(&read("docs/sources.md"), ["HOST_PROC", "HOST_SYS"]), [""; 0]);
}

#[test]
fn every_extra_field_of_sockets_is_documented() {
    let metrics = read("docs/metrics.md");
    for field in FIELDS.iter().skip(CONTRACT.len()) {
        let kind = if field.is_counter() { "counter" } else { "gauge" };
        let row = format!("| `{}` | {kind}, {} | {} | ", field.name, field.unit, field.since);
        assert!(metrics.contains(&row), "{row}");
    }
}

#[test]
fn every_tag_and_field_of_the_fixtures_is_documented() {
    let metrics = read("docs/metrics.md");
    let (net, sockets) = metrics.split_once("\n## socketstat").expect("a part for each input");
    let mut seen = 0;
    for case in cases() {
        let Ok(lines) = fs::read_to_string(case.join("expected.out")) else { continue };
        for line in lines.lines() {
            let part = match line.split_once(',') {
                // The field names come from the file.
                Some(("net", rest)) if rest.starts_with("interface=all") => continue,
                Some(("net", _)) => net,
                Some(("socketstat", _)) => sockets,
                // This case renames the metrics.
                _ => continue,
            };
            let mut names = keys(line);
            // Skips the kernel's counters, and tags from the configuration of the case.
            let configuration = text(&case, "plugin.conf");
            names.retain(|name| !is_kernels(name) && !configuration.contains(&format!("{name} = ")));
            let names = names.iter().map(String::as_str);
            assert_eq!(undocumented(part, names), [""; 0], "{}: {line}", case.display());
            seen += 1;
        }
    }
    assert!(seen > 100, "only {seen} metrics in fixtures/");
}

#[test]
fn the_example_output_is_line_protocol_of_these_metrics() {
    let metrics = read("docs/metrics.md");
    let example = chapter(&metrics, "Example Output");
    let [("text", lines)] = blocks(&example)[..] else { panic!("one block of text") };
    for line in lines.lines() {
        let time = line.rsplit_once(' ').expect("a timestamp").1;
        assert!(time.len() == 19 && time.bytes().all(|byte| byte.is_ascii_digit()), "{line}");
        let names = keys(line);
        let ours = names.iter().map(String::as_str).filter(|name| !is_kernels(name));
        assert_eq!(undocumented(&metrics, ours), [""; 0], "{line}");
    }
    for start in ["net,interface=eth0", "net,interface=all ", "socketstat,"] {
        assert!(lines.lines().any(|line| line.starts_with(start)), "{start}");
    }
}

/// The keys of a line's tags and fields, if no value contains a space, a comma or an equals sign.
fn keys(line: &str) -> Vec<String> {
    let keys = Regex::new(r"[, ]([a-z_]+)=").expect("a constant pattern compiles");
    keys.captures_iter(line).map(|found| found[1].to_owned()).collect()
}

/// Whether a field is one of the protocol statistics, which have the names of the kernel.
fn is_kernels(name: &str) -> bool {
    ["ip_", "icmp_", "icmpmsg_", "tcp_", "udp_", "udplite_"].iter().any(|protocol| name.starts_with(protocol))
}

fn cases() -> Vec<PathBuf> {
    let entries = fs::read_dir(Path::new(ROOT).join("fixtures")).expect("fixtures/ can be read");
    entries.map(|entry| entry.expect("fixtures/ can be read").path()).collect()
}

/// A file of a case; empty if it does not exist. Invalid UTF-8 is replaced.
fn text(case: &Path, name: &str) -> String {
    fs::read(case.join(name)).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default()
}

/// The messages of the tables, each split at `…`.
fn messages() -> Vec<Vec<String>> {
    let messages = read("docs/messages.md");
    let row = Regex::new(r"(?m)^\| (?:`[EWID]!` )?`([^`]+)` \| ").expect("a constant pattern compiles");
    let rows = row.captures_iter(&messages);
    rows.map(|found| found[1].split('…').map(str::to_owned).collect()).collect()
}

#[test]
fn every_message_of_the_fixtures_is_in_the_tables() {
    let pattern = |pieces: Vec<String>| {
        let pieces: Vec<String> = pieces.iter().map(|piece| regex::escape(piece)).collect();
        Regex::new(&format!("^{}$", pieces.join(".*"))).expect("an escaped pattern compiles")
    };
    let known: Vec<Regex> = messages().into_iter().map(pattern).collect();
    let mut seen = 0;
    for case in cases() {
        for line in text(&case, "expected.err").lines() {
            let (_, message) = line.split_once("] ").expect("[inputs.NAME] before the message");
            assert!(known.iter().any(|known| known.is_match(message)), "not in docs/messages.md: {message}");
            seen += 1;
        }
    }
    assert!(seen > 20, "only {seen} messages in fixtures/");
}

#[test]
fn configurations_in_the_documents_are_valid() {
    let documents = documents();
    let (mut ours, mut commands) = (0, 0);
    let blocks = documents
        .iter()
        .flat_map(|(name, text)| blocks(text).into_iter().map(move |block| (name, text, block)));
    for (document, text, (_, block)) in blocks.filter(|(_, _, (info, _))| *info == "toml") {
        let table: toml::Table = block.parse().unwrap_or_else(|error| panic!("{error}\n{block}"));
        let execd =
            table.get("inputs").and_then(|inputs| inputs.get("execd")).and_then(toml::Value::as_array);
        let Some(execd) = execd else {
            assert!(accepted(block).is_ok_and(|sections| sections > 0), "{:?}\n{block}", accepted(block));
            ours += 1;
            continue;
        };
        // Each configuration may be copied on its own, so each must set `precision`, and the document must say why.
        assert!(text.contains("twice the disk space"), "{document}");
        for section in execd {
            assert_eq!(section["precision"].as_str(), Some("1s"), "{document}");
            let command = section["command"].as_array().expect("an array");
            let words: Vec<&str> = command.iter().map(|word| word.as_str().expect("a string")).collect();
            assert!(words[0].ends_with("/telegraf-execd-network"), "{words:?}");
            let flags = words[1..].iter().map(Into::into);
            assert!(matches!(cli::parse(flags, "", ""), Ok(cli::Action::Run(_))), "{words:?}");
            commands += 1;
        }
    }
    assert!(ours >= 3 && commands >= 2, "{ours} of ours, {commands} of Telegraf's");
}

#[test]
fn the_packages_example_is_that_of_the_readme() {
    let example = read("packaging/examples/telegraf.conf");
    let (_, section) = example.split_once("\n\n").expect("a comment before the section");
    assert!(section.starts_with("[[inputs.execd]]\n") && readme().contains(section), "{section}");
}

#[test]
fn numbers_of_series_are_those_of_the_document() {
    let cells = |row: &str| row.split('|').map(|cell| cell.trim().to_owned()).collect::<Vec<_>>();
    let series = read("docs/series.md");
    let measured: Vec<Vec<String>> =
        series.lines().filter(|line| line.starts_with("| ")).map(cells).collect();
    let chapter = chapter(&readme(), "How many series");
    let rows: Vec<Vec<String>> = chapter.lines().filter(|line| line.ends_with("? |")).map(cells).collect();
    assert_eq!(rows.len(), 4);
    for row in rows {
        assert!(measured.iter().any(|measured| measured.get(1..4) == row.get(1..4)), "{row:?}");
    }
}

#[test]
fn commands_marked_as_runnable_work() {
    let documents = documents();
    let blocks: Vec<(&str, &str)> = documents.iter().flat_map(|(_, text)| blocks(text)).collect();
    for needed in ["cargo run --release -- --once\n", "cargo test\n"] {
        assert!(blocks.iter().any(|(info, body)| info.starts_with("sh") && *body == needed), "{needed}");
    }
    let binary = Path::new(assert_cmd::cargo::cargo_bin!("telegraf-execd-network"));
    let path = format!("{}:/usr/bin:/bin", binary.parent().expect("its directory").display());
    let runnable: Vec<&str> =
        blocks.iter().filter(|(info, _)| *info == "sh runnable").map(|(_, body)| *body).collect();
    assert!(runnable.len() >= 4, "{runnable:?}");
    for block in runnable {
        let here = tempfile::tempdir().expect("a temporary directory");
        // Replaces cargo with this binary.
        let script = block.replace("cargo run --release -- ", "telegraf-execd-network ");
        let output = Command::new("/bin/sh")
            .args(["-e", "-c", &script])
            .current_dir(here.path())
            .env_clear()
            .env("PATH", &path)
            .stdin(Stdio::null())
            .output()
            .expect("a shell runs");
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success() && !stderr.contains("E! "), "{block}{stderr}");
        assert!(output.stdout.starts_with(b"net"), "{block}{}", String::from_utf8_lossy(&output.stdout));
    }
}

#[test]
fn links_have_a_target() {
    let link = Regex::new(r"\]\(([^)\s]+)\)").expect("a constant pattern compiles");
    for (document, text) in documents() {
        let directory = Path::new(&document).parent().expect("a directory");
        for found in link.captures_iter(&text) {
            let target = &found[1];
            if target.starts_with("https://") {
                continue;
            }
            let (file, anchor) = target.split_once('#').unwrap_or((target, ""));
            let path = if file.is_empty() { PathBuf::from(&document) } else { directory.join(file) };
            assert!(Path::new(ROOT).join(&path).exists(), "{document}: {target}");
            let found = || anchors(&read(path.to_str().expect("a plain path"))).contains(anchor);
            assert!(anchor.is_empty() || found(), "{document}: {target}");
        }
    }
}

/// The anchors of a document's headings.
fn anchors(text: &str) -> BTreeSet<String> {
    let headings = text.lines().filter(|line| line.starts_with('#'));
    headings.map(|line| line.trim_start_matches('#').trim().to_lowercase().replace(' ', "-")).collect()
}

#[test]
fn the_readme_is_short() {
    let readme = readme();
    let lines = readme.lines().count();
    assert!(lines <= 250 && readme.len() <= 14_000, "{lines} lines, {} bytes", readme.len());
}

#[test]
fn measurements_are_those_of_the_results() {
    let results = read("benches/results.md");
    let document = read("docs/performance.md");
    let measured = document.lines().filter(|line| line.starts_with("| ") && line.contains(char::is_numeric));
    let (mut rows, mut different) = (0, Vec::new());
    for row in measured {
        rows += 1;
        if !results.lines().any(|line| line == row) {
            different.push(row);
        }
    }
    assert!(rows > 10, "only {rows} rows");
    assert_eq!(different, [""; 0], "numbers that are not in benches/results.md");
}

#[test]
fn paths_in_the_documents_exist() {
    let path = Regex::new(
        "^(src|tests|fixtures|fuzz|benches|docs|packaging|dashboards|\\.ci|\\.github)(/[A-Za-z0-9_./-]*)?$",
    )
    .expect("a pattern");
    let mut seen = 0;
    for (document, text) in documents() {
        for span in code_spans(&text).iter().filter(|span| path.is_match(span) && span.contains('/')) {
            assert!(Path::new(ROOT).join(span).exists(), "{document}: {span}");
            seen += 1;
        }
    }
    assert!(seen > 30, "only {seen} paths");
}
