use ampsync_schema::{
    IndexMethod, IndexOptions, Problem, SchemaError, Table, TableOptions, clashes,
};
use arrow_schema::{Field, Schema};
use expect_test::expect;

use crate::support::{block, every_type, name, on_each, table};

fn index(column: &str, method: IndexMethod, unique: bool) -> IndexOptions {
    let mut index = IndexOptions::default();
    index.columns = vec![column.to_owned()];
    index.method = method;
    index.unique = unique;
    index
}

const METHODS: [IndexMethod; 4] =
    [IndexMethod::BTree, IndexMethod::Brin, IndexMethod::Hash, IndexMethod::Gin];

/// Refused options are exactly those that PostgreSQL refuses.
#[tokio::test]
async fn an_index_is_refused_exactly_where_postgresql_refuses_it() {
    let fields: Vec<Field> = every_type().into_iter().map(|(field, _)| field).collect();
    let with_block: Vec<_> = std::iter::once(block()).chain(fields.iter().cloned()).collect();
    let schema = Schema::new(with_block.clone());
    on_each(async |session| {
        let plain = table(with_block.clone(), &TableOptions::default());
        session.batch_execute(&plain.create_table_ddl()).await.unwrap();
        for field in &fields {
            for (method, unique) in METHODS.iter().flat_map(|m| [(*m, false), (*m, true)]) {
                let mut options = TableOptions::default();
                options.indexes = vec![index(field.name(), method, unique)];
                let ours: Result<Table, SchemaError> =
                    Table::with_options(name("public", "logs"), &schema, "_block_num", &options);
                let sql = format!(
                    "CREATE {} INDEX ON logs USING {method} ({})",
                    if unique { "UNIQUE" } else { "" },
                    field.name()
                );
                let theirs = session.batch_execute(&format!("BEGIN; {sql}")).await;
                session.batch_execute("ROLLBACK").await.unwrap();
                assert_eq!(ours.is_ok(), theirs.is_ok(), "{field:?} {sql}: {ours:?}");
            }
        }
    })
    .await;
}

#[tokio::test]
async fn several_columns_are_refused_exactly_where_postgresql_refuses_them() {
    let list = |name: &str| {
        let item = Field::new("item", arrow_schema::DataType::Int32, true);
        Field::new(name, arrow_schema::DataType::List(item.into()), true)
    };
    let number = |name: &str| Field::new(name, arrow_schema::DataType::Int32, true);
    let fields = vec![block(), list("a"), list("b"), number("c"), number("d")];
    let schema = Schema::new(fields.clone());
    on_each(async |session| {
        let plain = table(fields.clone(), &TableOptions::default());
        session.batch_execute(&plain.create_table_ddl()).await.unwrap();
        for method in METHODS {
            for columns in [["a", "b"], ["c", "d"], ["a", "c"]] {
                let mut options = TableOptions::default();
                let mut wanted = index("", method, false);
                wanted.columns = columns.map(str::to_owned).to_vec();
                options.indexes = vec![wanted];
                let ours =
                    Table::with_options(name("public", "logs"), &schema, "_block_num", &options);
                let sql = format!("CREATE INDEX ON logs USING {method} ({})", columns.join(", "));
                let theirs = session.batch_execute(&format!("BEGIN; {sql}")).await;
                session.batch_execute("ROLLBACK").await.unwrap();
                assert_eq!(ours.is_ok(), theirs.is_ok(), "{sql}: {ours:?}");
            }
        }
    })
    .await;
}

#[test]
fn every_mistake_in_the_options_is_told_at_once() {
    let number = |name: &str| Field::new(name, arrow_schema::DataType::Float64, true);
    let schema = Schema::new(vec![block(), number("gas_used"), number("price"), number("flag")]);
    let mut options = TableOptions::default();
    options.comment = Some("nul\0".to_owned());
    options.primary_key = ["_block_nmu", "price", "price"].map(str::to_owned).to_vec();
    for (column, ty) in
        [("gasUsed", "numeric"), ("price", "hex"), ("_block_num", "numeric"), ("xyz", "text")]
    {
        options.columns.entry(column.to_owned()).or_default().ty = Some(ty.parse().unwrap());
    }
    options.columns.entry("price".to_owned()).or_default().comment = Some("\0".to_owned());
    let mut hash = index("price", IndexMethod::Hash, true);
    hash.columns.push("flag".to_owned());
    let mut long = index("price", IndexMethod::BTree, false);
    long.columns = (0..33).map(|_| "flag".to_owned()).collect();
    long.columns.truncate(33);
    options.indexes = vec![
        hash,
        IndexOptions::default(),
        index("flag", IndexMethod::Gin, false),
        index("flag", IndexMethod::BTree, false),
        index("flag", IndexMethod::BTree, false),
    ];
    let error = Table::with_options(name("pg_own", "logs"), &schema, "_block_num", &options);
    let problems = error.unwrap_err().problems;
    let lines: Vec<_> = problems.iter().map(Problem::to_string).collect();
    expect![[r#"
        schema "pg_own" is not for tables of streams: choose another
        the block column "_block_num" is always bigint, not numeric
        column "price": Arrow type Float64 cannot become hex; it can become nothing else
        options of columns: there is no column "gasUsed"; did you mean "gas_used"?
        options of column "price": the comment holds a NUL character
        options of columns: there is no column "xyz"
        primary key: there is no column "_block_nmu"; did you mean "_block_num"?
        primary key: column "price" occurs more than once
        index 1: a hash index has one column; use btree, or an index for each column
        index 1: a hash index cannot be unique, only a btree index can
        index 2: it needs at least one column
        index 3: a gin index cannot hold column "flag" of type double precision; use btree, hash, brin
        index 5: it is the same as index 4
        options of the table: the comment holds a NUL character
    "#]]
    .assert_eq(&(lines.join("\n") + "\n"));
    options = TableOptions::default();
    options.indexes = vec![long];
    let error = Table::with_options(name("ampsync", "logs"), &schema, "_block_num", &options);
    let problems = error.unwrap_err().problems;
    assert_eq!(
        problems.last().unwrap().to_string(),
        "index 1: it has 33 columns, PostgreSQL allows 32"
    );
    assert_eq!(
        problems[0].to_string(),
        "schema \"ampsync\" is not for tables of streams: choose another"
    );
}

#[tokio::test]
async fn tables_clash_exactly_where_postgresql_would_refuse_the_second() {
    let fields = || vec![block(), Field::new("b", arrow_schema::DataType::Int32, true)];
    let mut keyed = TableOptions::default();
    keyed.primary_key = vec!["b".to_owned()];
    let mut indexed = TableOptions::default();
    indexed.indexes = vec![index("b", IndexMethod::BTree, false)];
    let plain = TableOptions::default();
    let long = |end: &str| "x".repeat(62) + end;
    let (long_a, long_b) = (long("a"), long("b"));
    for (tables, told) in [
        (
            [("a", &plain), ("a", &plain)],
            vec![
                r#""public"."a" is the name of a table and of a table"#,
                r#""public"."a__block_num_idx" is the name of an index of "public"."a" and of an index of "public"."a""#,
            ],
        ),
        (
            [("a", &keyed), ("a_pkey", &plain)],
            vec![r#""public"."a_pkey" is the name of an index of "public"."a" and of a table"#],
        ),
        (
            [("a_b", &plain), ("a_b__block_num_idx", &plain)],
            vec![
                r#""public"."a_b__block_num_idx" is the name of an index of "public"."a_b" and of a table"#,
            ],
        ),
        ([("a", &indexed), ("a_b", &indexed)], vec![]),
        ([("a", &plain), ("A", &plain)], vec![]),
        ([(&long_a, &indexed), (&long_b, &indexed)], vec![]),
    ] {
        let named = tables.map(|(table, options)| (name("public", table), options));
        let found = clashes(named.iter().map(|(name, options)| (name, *options)), "_block_num");
        let lines: Vec<_> = found.iter().map(ToString::to_string).collect();
        assert_eq!(lines, told);
        on_each(async |session| {
            let mut refused = false;
            for (name, options) in &named {
                let schema = Schema::new(fields());
                let table = Table::with_options(name.clone(), &schema, "_block_num", options);
                for change in table.unwrap().create() {
                    refused |= session.batch_execute(&change.up).await.is_err();
                }
            }
            assert_eq!(refused, !told.is_empty(), "{named:?}");
        })
        .await;
    }
}
