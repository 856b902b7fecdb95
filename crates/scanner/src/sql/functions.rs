//! Functions that only read: what a query may call and still be a reading one.
//!
//! Servers have hundreds of functions and their owners write more, so nothing is guessed from a list of bad
//! ones: a call counts as reading if its name is here. Pure functions, the clock, random numbers, and what the
//! session and the catalogue say of themselves are; so are the hypothetical indexes of HypoPG, which live in
//! one session and touch no table. Files, other servers, locks, sleep, sequences, settings, signals to other
//! sessions and whatever runs a text as a statement are not.
//!
//! Source: the function chapters of PostgreSQL 17 (9), MySQL 8.4 (14), SQLite 3.46, SQL Server 2022, Oracle 23.

use std::{collections::HashSet, sync::LazyLock};

/// Names by what they are about, in lower case.
const READING: [&str; 9] = [
    // Aggregates and windows.
    "
    any_value approx_count_distinct approx_distinct arg_max arg_min array_agg avg bit_and bit_or bit_xor
    bool_and bool_or checksum_agg collect corr count count_big countif covar_pop covar_samp cume_dist
    dense_rank every first first_value group_concat grouping grouping_id json_agg jsonb_agg lag last
    last_value lead listagg max max_by median min min_by mode nth_value ntile percent_rank range_agg rank
    ratio_to_report row_number std stddev stddev_pop stddev_samp stdev stdevp string_agg sum total var
    var_pop var_samp variance varp wm_concat xmlagg
    ",
    // Numbers.
    "
    abs acos acosd acosh asin asind asinh atan atan2 atan2d atand atanh atn2 bitand cbrt ceil ceiling conv
    cos cosd cosh cot cotd crc32 degrees diameter div erf erfc exp factorial floor gcd generate_series greatest
    hash isinf isnan iszero lcm least ln log log10 log2 min_scale mod nanvl pi pow power radians rand
    random random_normal randomblob remainder round scale setseed sign sin sind sinh sqrt square tan tand
    tanh to_number trim_scale trunc truncate width_bucket xxhash64 zeroblob
    ",
    // Texts.
    "
    ascii bin bit_count bit_length btrim char char_length character_length charindex charset choose chr
    coalesce coercibility collation concat concat_ws contains convert convert_from convert_to datalength
    decode difference dmetaphone elt encode ends_with endswith export_set field find_in_set format
    from_base64 glob greatest_ignore_nulls hex icu_unicode_version if ifnull ifs iif initcap instr isnull
    lcase left len length lengthb levenshtein like likec likelihood likely lower lpad ltrim make_set
    metaphone mid nchar ngram nlssort normalize nullif nullifzero nvl nvl2 oct octet_length ord overlay
    parse_ident parsename patindex position printf quote quote_ident quote_literal quote_nullable
    quotename repeat replace replicate reverse right rpad rtrim show_limit show_trgm similarity soundex
    sounds space split split_part starts_with startswith str strcmp strict_word_similarity string_escape
    string_split string_to_array string_to_table strpos strtol stuff substr substring substring_index
    to_ascii to_base64 to_bin to_char to_hex to_oct translate trim ucase unaccent unhex unicode
    unicode_assigned unicode_version unistr unlikely upper weight_string word_similarity zeroifnull
    ",
    // Times.
    "
    add_months adddate addtime age clock_timestamp convert_tz curdate current_date current_time
    current_timestamp current_timezone curtime date date_add date_bin date_bucket date_diff date_format
    date_part date_sub date_trunc dateadd datediff datediff_big datefromparts datename datepart datetime
    datetime2fromparts datetimefromparts datetrunc day dayname dayofmonth dayofweek dayofyear dow eomonth
    epoch_ms extract from_days from_unixtime get_format getdate getutcdate hour interval isdate isfinite
    julianday justify_days justify_hours justify_interval last_day localtime localtimestamp make_date
    make_interval make_time make_timestamp make_timestamptz makedate maketime microsecond millisecond
    minute month monthname months_between new_time next_day now numtodsinterval numtoyminterval period_add
    period_diff quarter sec_to_time second smalldatetimefromparts statement_timestamp str_to_date strftime
    strptime subdate subtime switchoffset sysdate sysdatetime sysdatetimeoffset systimestamp
    sysutcdatetime time time_bucket time_format time_to_sec timediff timeofday timestamp timestampadd
    timestampdiff timestamptz timetz to_date to_days to_dsinterval to_seconds to_timestamp to_timestamp_tz
    to_yminterval todatetimeoffset transaction_timestamp tz_offset unix_timestamp unixepoch utc_date
    utc_time utc_timestamp week weekday weekofyear year yearweek
    ",
    // Types.
    "
    bigint binary bit blob bool boolean box bpchar bytea cast character chartorowid cidr circle clob
    datetimeoffset dec decimal double enum fixed float float4 float8 hextoraw inet int int2 int4 int8
    integer jsonpath line lseg macaddr money national nclob number numeric nvarchar nvarchar2 parse path
    point polygon raw rawtohex real regclass row rowidtochar safe_cast smallint sql_variant text tinyint
    to_blob to_clob to_nchar treat try_cast try_convert try_parse typeof uuid varbinary varbit varchar
    varchar2 varying vector xml xmltype
    ",
    // Documents and collections.
    "
    array array_append array_to_json array_to_tsvector cardinality collect_list collect_set
    contains_sequence element_at existsnode explode extractvalue flatten from_json get_json_object isarray
    isjson json json_table jsonb list_agg list_value map map_keys map_values member nested openjson
    row_to_json sequence size slice sort_array struct struct_extract struct_pack to_json to_jsonb
    trim_array unnest updatexml xmltable
    ",
    // Search, networks, shapes, ranges.
    "
    abbrev against area bbox bm25 broadcast center containstable cube cube_distance daterange earth_box
    earth_distance earth_to_ll family freetext freetexttable get_current_ts_config height highlight host
    hostmask inet6_aton inet6_ntoa inet_aton inet_client_addr inet_client_port inet_merge inet_ntoa
    inet_same_family inet_server_addr inet_server_port int4range int8range is_ipv4 is_ipv4_compat
    is_ipv4_mapped is_ipv6 isclosed isempty isopen ll_to_earth lower_inc lower_inf macaddr8_set7bit
    masklen match matchinfo multirange netmask network npoints nummultirange numnode numrange offsets
    pclose phraseto_tsquery plainto_tsquery popen querytree radius range_merge set_masklen setweight
    snippet strip to_tsquery to_tsvector tsrange tstzrange tsvector_to_array upper_inc upper_inf
    websearch_to_tsquery width
    ",
    // Digests and identifiers.
    "
    aes_decrypt aes_encrypt bin_to_uuid binary_checksum checksum compress crypt decrypt digest encrypt
    farm_fingerprint gen_random_bytes gen_random_uuid gen_salt get_bit get_byte hashbytes hmac is_uuid md5
    newid newsequentialid ora_hash set_bit set_byte sha sha1 sha2 sha224 sha256 sha384 sha512
    standard_hash sys_guid uncompress uncompressed_length uuid_generate_v1 uuid_generate_v4 uuid_short
    uuid_to_bin uuidv4 uuidv7 validate_password_strength
    ",
    // The server, the session and the catalogue.
    "
    acldefault aclexplode app_name changes col_description col_length col_name columnproperty
    connection_id current_catalog current_database current_query current_role current_schema
    current_schemas current_setting current_user currval database database_principal_id databasepropertyex
    db_id db_name default dump enum_first enum_last enum_range error_line error_message error_number
    error_procedure error_severity error_state exist file_name filegroup_name format_type found_rows
    getansinull host_id host_name ident_current ident_incr ident_seed index_col indexproperty is_member
    is_rolemember is_srvrolemember last_insert_id last_insert_rowid lastval makeaclitem name_const nodes
    obj_description object_definition object_id object_name object_schema_name objectproperty
    objectpropertyex original_login pg_available_wal_summaries pg_backend_pid pg_basetype pg_blocking_pids
    pg_char_to_encoding pg_client_encoding pg_column_compression pg_column_size pg_column_toast_chunk_id
    pg_conf_load_time pg_current_logfile pg_current_snapshot pg_current_wal_lsn pg_current_xact_id
    pg_describe_object pg_encoding_to_char pg_has_role pg_identify_object pg_input_error_info
    pg_input_is_valid pg_jit_available pg_last_wal_receive_lsn pg_last_wal_replay_lsn
    pg_last_xact_replay_timestamp pg_listening_channels pg_lock_status pg_my_temp_schema
    pg_notification_queue_usage pg_options_to_table pg_postmaster_start_time pg_relation_filenode
    pg_relation_filepath pg_safe_snapshot_blocking_pids pg_settings_get_flags pg_show_all_settings
    pg_size_bytes pg_size_pretty pg_snapshot_xip pg_stat_statements pg_tablespace_databases
    pg_tablespace_location pg_timezone_names pg_trigger_depth pg_typeof pg_wal_lsn_diff
    pg_wal_summary_contents pg_walfile_name pg_xact_commit_timestamp pgstatindex pgstattuple query
    row_count row_security_active rowcount_big rowid rownum schema schema_id schema_name scope_identity
    serverproperty session_user sessionproperty shobj_description sqlcode sqlerrm sqlite_source_id
    sqlite_version stats_date suser_id suser_name suser_sid suser_sname sys_context system_user
    total_changes txid_current_snapshot type_id type_name typeproperty uid user user_id user_name userenv
    value values version vsize
    ",
];

/// Families of which every member reads, by how the names begin.
const FAMILIES: [&str; 18] = [
    "json_",
    "jsonb_",
    "regexp_",
    "regr_",
    "approx_",
    "percentile_",
    "array_",
    "xml",
    "xpath",
    "st_",
    "ts_",
    "has_",
    "to_reg",
    "pg_get_",
    "pg_stat_get_",
    "pg_is_",
    "pg_control_",
    "hypopg_",
];
/// And by how they end: `pg_table_size`, `pg_type_is_visible`, `pg_index_has_property`.
const FAMILY_ENDS: [&str; 3] = ["_size", "_is_visible", "_has_property"];

static NAMES: LazyLock<HashSet<&'static str>> =
    LazyLock::new(|| READING.iter().flat_map(|names| names.split_ascii_whitespace()).collect());

/// Whether a call of `name`, in any letter case, only reads. Cost O(bytes).
pub(super) fn only_reads(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    NAMES.contains(name.as_str())
        || FAMILIES.iter().any(|family| name.starts_with(family))
        || (name.starts_with("pg_") && FAMILY_ENDS.iter().any(|end| name.ends_with(end)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_acts_is_not_among_what_reads() {
        for name in [
            "pg_sleep",
            "pg_read_file",
            "pg_terminate_backend",
            "pg_advisory_lock",
            "lo_import",
            "dblink",
            "set_config",
            "nextval",
            "setval",
            "query_to_xml",
            "load_file",
            "sleep",
            "benchmark",
            "get_lock",
            "xp_cmdshell",
            "openrowset",
            "load_extension",
            "writefile",
            "pg_stat_reset",
            "pg_reload_conf",
            "pg_create_restore_point",
            "pg_notify",
            "txid_current",
            "utl_http",
            "my_function",
        ] {
            assert!(!only_reads(name), "{name}");
        }
        assert!(only_reads("COUNT") && only_reads("pg_table_size") && only_reads("jsonb_path_query"));
    }

    #[test]
    fn every_name_stands_once() {
        let names: Vec<_> = READING.iter().flat_map(|names| names.split_ascii_whitespace()).collect();
        assert_eq!(names.len(), NAMES.len());
        assert!(names.iter().all(|name| !name.bytes().any(|byte| byte.is_ascii_uppercase())));
    }
}
