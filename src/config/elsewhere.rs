//! Telegraf options that are allowed or documented in the section of an input, but have to be set elsewhere.

/// Where to set the option. `None` if it is not one of these.
///
/// The names are those of `buildInput` and `missingTomlField` in Telegraf's `config/config.go`. The latter takes the
/// options of every kind of plugin in every section.
pub(super) fn belongs(option: &str) -> Option<&'static str> {
    Some(match option {
        "interval" | "collection_jitter" | "collection_offset" => {
            "not supported here: Telegraf starts each gather, so put it into [[inputs.execd]]"
        }
        "metricpass" => {
            "not supported here: put it into [[inputs.execd]], or use namepass, namedrop, tagpass or tagdrop"
        }
        "startup_error_behavior" | "labels" | "data_format" | "data_type" | "influx_parser_type" => {
            "not supported here: belongs to [[inputs.execd]]"
        }
        "always_include_global_tags" => {
            "not supported here: belongs to [agent], as Telegraf adds the global tags to all that [[inputs.execd]] reads"
        }
        "time_source" => "not supported here: all metrics of a gather have the time at which it started",
        "order" => "not supported here: belongs to [[processors.NAME]]",
        "delay" | "drop_original" | "grace" | "period" => {
            "not supported here: belongs to [[aggregators.NAME]]"
        }
        "buffer_directory"
        | "buffer_disk_sync"
        | "buffer_strategy"
        | "flush_interval"
        | "flush_jitter"
        | "metric_batch_size"
        | "metric_buffer_limit" => "not supported here: belongs to [[outputs.NAME]]",
        "id" => "not supported here: belongs to [[secretstores.NAME]]",
        "lvm" => "not supported here: Telegraf ignores it in every section",
        _ => return None,
    })
}
