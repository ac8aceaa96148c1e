use super::*;

fn migration() -> Migration {
    Migration { up: vec!["A".to_owned(), "B".to_owned()], down: vec!["C".to_owned()] }
}

fn there(names: &[&str]) -> Vec<File> {
    names.iter().map(|name| file(name, "SELECT 1;\n")).collect()
}

fn file(name: &str, contents: &str) -> File {
    File { name: name.to_owned(), contents: contents.to_owned() }
}

fn names(layout: Layout, there: &[File]) -> Vec<String> {
    let files = layout.files("more", &migration(), there).unwrap();
    files.into_iter().map(|file| file.name).collect()
}

#[test]
fn each_tool_gets_its_own_names() {
    for (layout, expected) in [
        (Layout::Sqlx, ["0001_more.up.sql", "0001_more.down.sql"]),
        (Layout::Plain, ["0001_more.up.sql", "0001_more.down.sql"]),
        (Layout::Refinery, ["V1__more.sql", "V1__more.down.sql"]),
    ] {
        assert_eq!(names(layout, &[]), expected, "{layout}");
        assert_eq!(layout.to_string().parse(), Ok(layout));
    }
    assert_eq!("diesel".parse::<Layout>(), Err(UnknownLayout("diesel".to_owned())));
    let files = Layout::Sqlx.files("more", &migration(), &[]).unwrap();
    assert_eq!(files[0].contents, "A;\n\nB;\n");
    assert_eq!(files[1].contents, "C;\n");
}

#[test]
fn numbers_go_on_in_the_style_of_the_folder() {
    for (layout, found, expected) in [
        (Layout::Sqlx, vec!["0009_a.up.sql", "0009_a.down.sql", "README.md"], "0010_more.up.sql"),
        (Layout::Sqlx, vec!["20260102030405_a.sql"], "20260102030406_more.up.sql"),
        (Layout::Sqlx, vec!["9_a.sql", "10_b.sql"], "11_more.up.sql"),
        (Layout::Plain, vec!["7_a.txt", "x_b.sql", "_c.sql"], "0001_more.up.sql"),
        (Layout::Refinery, vec!["V3__a.rs", "old/V11__b.sql", "V2__c.sql"], "V12__more.sql"),
        (Layout::Refinery, vec!["U07__a.sql", "V6.5__b.sql"], "V08__more.sql"),
    ] {
        assert_eq!(names(layout, &there(&found))[0], expected, "{found:?}");
    }
}

#[test]
fn what_is_there_already_is_not_written_again() {
    for layout in [Layout::Sqlx, Layout::Plain, Layout::Refinery] {
        let mut there = layout.files("more", &migration(), &[]).unwrap();
        assert_eq!(names(layout, &there), [""; 0]);
        // Somebody's own migration came after ours, and ours is still the last of its name.
        there.push(match layout {
            Layout::Sqlx | Layout::Plain => file("0002_other.sql", "SELECT 1;"),
            Layout::Refinery => file("V2__other.sql", "SELECT 1;"),
        });
        assert_eq!(names(layout, &there), [""; 0]);
        there[0].contents.push_str("-- changed");
        assert_eq!(names(layout, &there).len(), 2);
        assert_eq!(layout.files("more", &Migration::default(), &[]), Ok(Vec::new()));
    }
}

#[test]
fn a_name_that_some_tool_could_not_read_is_refused() {
    for name in ["", "a b", "a-b", "é", "a/b", "a.b", &"x".repeat(101)] {
        let files = Layout::Plain.files(name, &migration(), &[]);
        assert_eq!(files, Err(LayoutError::Name(name.to_owned())));
    }
    let last = there(&["9223372036854775807_a.sql"]);
    assert!(matches!(
        Layout::Sqlx.files("more", &migration(), &last),
        Err(LayoutError::NoVersion(_))
    ));
}
