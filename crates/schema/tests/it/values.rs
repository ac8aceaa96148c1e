//! What a conversion makes of the values that are there.

use ampsync_schema::{ColumnType, Cost, Difference, TableOptions};
use arrow_schema::{DataType, Field, TimeUnit};

use crate::catalog;
use crate::support::{assert_equal, block, execute, on_each, table, up};

#[derive(Clone)]
struct Case {
    found: &'static str,
    value: &'static str,
    wanted: DataType,
    chosen: Option<ColumnType>,
    becomes: &'static str,
    cost: Cost,
}

fn case(
    found: &'static str,
    value: &'static str,
    (wanted, chosen): (DataType, Option<ColumnType>),
    becomes: &'static str,
    cost: Cost,
) -> Case {
    Case { found, value, wanted, chosen, becomes, cost }
}

fn numbers() -> Vec<Case> {
    let uint256 = "115792089237316195423570985008687907853269984665640564039457584007913129639935";
    let to = |ty| (ty, None);
    let number = (DataType::Utf8, Some(ColumnType::Numeric(None)));
    vec![
        case("text", uint256, number.clone(), uint256, Cost::None),
        case("jsonb", r#""12""#, number, "12", Cost::None),
        case("bigint", "-5", to(DataType::UInt64), "-5", Cost::None),
        case("numeric", "12", to(DataType::Int64), "12", Cost::Rounded),
        case("numeric(20,0)", "12", to(DataType::Int64), "12", Cost::None),
        case("numeric(9,4)", "1.2345", to(DataType::Decimal128(9, 2)), "1.23", Cost::Rounded),
        case("double precision", "1.5", to(DataType::Int64), "2", Cost::Rounded),
    ]
}

fn bytes_and_json() -> Vec<Case> {
    let (text, bytes) = (DataType::Utf8, DataType::Binary);
    let to = |ty: &DataType| (ty.clone(), None);
    let hex = |ty: &DataType| (ty.clone(), Some(ColumnType::Hex));
    let json = |ty: &DataType| (ty.clone(), Some(ColumnType::Jsonb));
    let uuid = "00112233-4455-6677-8899-aabbccddeeff";
    vec![
        case("bytea", r"\x00FF", hex(&bytes), "0x00ff", Cost::None),
        case("text", "0x00ff", to(&bytes), r"\x00ff", Cost::None),
        case("character varying(10)", "00ff", to(&bytes), r"\x00ff", Cost::None),
        case("text", r#"{"a": 1}"#, json(&text), r#"{"a": 1}"#, Cost::None),
        case("json", r#"{"a":1}"#, json(&text), r#"{"a": 1}"#, Cost::None),
        case("uuid", uuid, to(&text), uuid, Cost::None),
        case("jsonb", "{}", to(&bytes), "", Cost::Dropped),
    ]
}

fn lists() -> Vec<Case> {
    let list = |item: DataType| DataType::List(Field::new("item", item, true).into());
    let bytes = list(DataType::Binary);
    let to = |ty: &DataType| (ty.clone(), None);
    let hex = |ty: &DataType| (ty.clone(), Some(ColumnType::Hex));
    let json = |ty: &DataType| (ty.clone(), Some(ColumnType::Jsonb));
    let (binary, text) = (r#"{"\\x00ff",NULL,"\\x"}"#, "{0x00ff,NULL,0x}");
    let texts = list(DataType::Utf8);
    vec![
        case("bytea[]", binary, hex(&bytes), text, Cost::None),
        case("text[]", text, to(&bytes), binary, Cost::None),
        case("bytea[]", binary, json(&bytes), r#"["0x00ff", null, "0x"]"#, Cost::None),
        case("text[]", r#"{"a\"\\x",b}"#, json(&texts), r#"["a\"\\x", "b"]"#, Cost::None),
        case("numeric[]", "{1,2}", to(&list(DataType::Int64)), "{1,2}", Cost::Rounded),
    ]
}

fn times() -> Vec<Case> {
    let zone = Some("UTC".into());
    let zoned = (DataType::Timestamp(TimeUnit::Microsecond, zone), None);
    let local = (DataType::Timestamp(TimeUnit::Microsecond, None), None);
    let date = (DataType::Date32, None);
    let (plain, with_zone) = ("timestamp without time zone", "timestamp with time zone");
    let (night, night_there) = ("2026-01-02 22:00:00+00", "2026-01-03 03:30:00.5+05:30");
    vec![
        case(plain, "2026-01-02 22:00:00.5", zoned.clone(), night_there, Cost::None),
        case(with_zone, night, local, "2026-01-02 22:00:00", Cost::None),
        case(with_zone, night, date, "2026-01-02", Cost::Rounded),
        case("date", "2026-01-02", zoned.clone(), "2026-01-02 05:30:00+05:30", Cost::None),
        case("boolean", "true", zoned, "", Cost::Dropped),
    ]
}

#[tokio::test]
async fn values_become_what_the_stream_would_have_written() {
    on_each(async |session| {
        execute(session, "SET TIME ZONE 'Asia/Kolkata'").await;
        for Case { found, value, wanted, chosen, becomes, cost } in
            [numbers(), bytes_and_json(), lists(), times()].concat()
        {
            let what = format!("{found} to {wanted}");
            let mut options = TableOptions::default();
            options.columns.entry("v".to_owned()).or_default().ty = chosen;
            let wanted = table(vec![block(), Field::new("v", wanted, true)], &options);
            execute(session, "DROP TABLE IF EXISTS logs").await;
            execute(session, &format!("CREATE TABLE logs (_block_num bigint, v {found})")).await;
            session
                .execute(&format!("INSERT INTO logs VALUES (1, $1::text::{found})"), &[&value])
                .await
                .unwrap();
            let existing = catalog::read(session, "logs").await;
            let Difference::Conflicting(conflicts) = wanted.difference(&existing) else {
                panic!("no conflict from {what}")
            };
            assert_eq!(conflicts[0].cost, cost, "{what}");
            up(session, &wanted.alter(&existing)).await;
            assert_equal(session, &wanted).await;
            let row = session.query_one("SELECT coalesce(v::text, '') FROM logs", &[]).await;
            assert_eq!(row.unwrap().get::<_, String>(0), becomes, "{what}");
        }
    })
    .await;
}
