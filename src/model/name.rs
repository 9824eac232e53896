//! Names of services.

/// What is wrong with a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NameError {
    /// It is empty.
    Empty,
    /// It is longer than 100 bytes.
    Long,
    /// It begins with something else than a lower-case letter or a digit.
    First(char),
    /// It contains something else than `a-z 0-9 . _ -`.
    Char(char),
}

impl std::fmt::Display for NameError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Empty => f.write_str("the name is empty"),
            Self::Long => f.write_str("the name is longer than 100 bytes"),
            Self::First(c) => write!(f, "a name begins with a lower-case letter or a digit, not with `{c}`"),
            Self::Char(c) => {
                write!(f, "a name consists of a-z, 0-9, `.`, `_` and `-`; `{c}` is none of them")
            }
        }
    }
}

impl std::error::Error for NameError {}

/// Checks a file stem as a service name: `[a-z0-9][a-z0-9._-]*`, at most 100 bytes.
///
/// # Errors
/// What is wrong with it.
pub fn check_name(name: &str) -> Result<(), NameError> {
    let first = name.chars().next().ok_or(NameError::Empty)?;
    if name.len() > 100 {
        return Err(NameError::Long);
    }
    if !first.is_ascii_lowercase() && !first.is_ascii_digit() {
        return Err(NameError::First(first));
    }
    match name.chars().find(|c| !matches!(c, 'a'..='z' | '0'..='9' | '.' | '_' | '-')) {
        Some(c) => Err(NameError::Char(c)),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_follow_the_rule() {
        assert_eq!(check_name("web-1.x_y"), Ok(()));
        assert_eq!(check_name(""), Err(NameError::Empty));
        assert_eq!(check_name("-web"), Err(NameError::First('-')));
        assert_eq!(check_name("Web"), Err(NameError::First('W')));
        assert_eq!(check_name("web@1"), Err(NameError::Char('@')));
    }
}
