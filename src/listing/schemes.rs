//! The `securitySchemes` of a tool: what a client needs to call it.

use super::edits::{Edit, apply};
use crate::json::{self, JsonFault, Kind};

const MEMBER: &str = "securitySchemes";

/// `entry`, the object of a tool, with `schemes` as its member. The server's own is replaced, and one in `_meta` too. All
/// other bytes stay.
pub(super) fn with_schemes(entry: &[u8], schemes: &str) -> Result<Vec<u8>, JsonFault> {
    let (mut edits, mut has_own) = (Vec::new(), false);
    // The depth was checked when the list was parsed.
    json::read(entry, usize::MAX, |reader| {
        reader.object(|reader, name| {
            let name = name.decode();
            if name.as_deref() == Some("_meta") && reader.kind()? == Kind::Object {
                return reader.object(|reader, name| {
                    let (start, is_it) = (reader.position(), name.decode().as_deref() == Some(MEMBER));
                    let value = reader.skip()?;
                    edits.extend(is_it.then(|| (start..start + value.len(), Edit::Text(schemes.into()))));
                    Ok(())
                });
            }
            let (start, is_it) = (reader.position(), name.as_deref() == Some(MEMBER));
            let value = reader.skip()?;
            has_own |= is_it;
            edits.extend(is_it.then(|| (start..start + value.len(), Edit::Text(schemes.into()))));
            Ok::<(), JsonFault>(())
        })
    })?;
    if !has_own {
        // A tool has a name, so this is not its first member.
        let end = entry.len().saturating_sub(1);
        edits.push((end..end, Edit::Text(format!(",\"{MEMBER}\":{schemes}").into_bytes())));
    }
    Ok(apply(entry, &edits).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_member_is_added_or_replaced_and_other_bytes_stay() {
        for (entry, expected) in [
            (r#"{"name":"a"}"#, r#"{"name":"a","securitySchemes":[1]}"#),
            (r#"{ "name" : "a" , "x":1.0 }"#, r#"{ "name" : "a" , "x":1.0 ,"securitySchemes":[1]}"#),
            (r#"{"securitySchemes": [{"type":"noauth"}] ,"name":"a"}"#, r#"{"securitySchemes": [1] ,"name":"a"}"#),
            (r#"{"security\u0053chemes":null,"name":"a"}"#, r#"{"security\u0053chemes":[1],"name":"a"}"#),
            (
                r#"{"_meta":{"x":{"securitySchemes":2},"securitySchemes":[]},"name":"a"}"#,
                r#"{"_meta":{"x":{"securitySchemes":2},"securitySchemes":[1]},"name":"a","securitySchemes":[1]}"#,
            ),
            (
                r#"{"_meta":{"securitySchemes":3},"name":"a","securitySchemes":4}"#,
                r#"{"_meta":{"securitySchemes":[1]},"name":"a","securitySchemes":[1]}"#,
            ),
            (r#"{"_meta":null,"name":"a"}"#, r#"{"_meta":null,"name":"a","securitySchemes":[1]}"#),
        ] {
            let marked = with_schemes(entry.as_bytes(), "[1]").unwrap();
            assert_eq!(String::from_utf8(marked).unwrap(), expected);
        }
    }
}
