//! Medians and how they are shown.

/// What a series of rounds gave.
#[derive(Clone, Debug, Default)]
pub struct Series {
    pub values: Vec<f64>,
    /// Why rounds failed.
    pub failures: Vec<String>,
}

impl Series {
    pub fn push(&mut self, result: Result<f64, String>) {
        match result {
            Ok(value) => self.values.push(value),
            Err(why) => self.failures.push(why),
        }
    }

    pub fn extend(&mut self, result: Result<Vec<f64>, String>) {
        match result {
            Ok(values) => self.values.extend(values),
            Err(why) => self.failures.push(why),
        }
    }

    fn sorted(&self) -> Vec<f64> {
        let mut values = self.values.clone();
        values.sort_by(f64::total_cmp);
        values
    }

    pub fn median(&self) -> Option<f64> {
        let values = self.sorted();
        let middle = values.len() / 2;
        match values.len() {
            0 => None,
            n if n % 2 == 1 => Some(values[middle]),
            _ => Some(f64::midpoint(values[middle - 1], values[middle])),
        }
    }

    /// The value that so many of a hundred do not exceed.
    pub fn percentile(&self, percent: usize) -> Option<f64> {
        let values = self.sorted();
        values.get((values.len() * percent).div_ceil(100).saturating_sub(1)).copied()
    }

    pub fn least(&self) -> Option<f64> {
        self.sorted().first().copied()
    }

    /// "median (min–max)", or why there is none.
    pub fn show(&self) -> String {
        let Some(median) = self.median() else {
            return if self.failures.is_empty() { "–".into() } else { "failed".into() };
        };
        let values = self.sorted();
        let failed = if self.failures.is_empty() {
            String::new()
        } else {
            format!(", {} of {} failed", self.failures.len(), self.failures.len() + values.len())
        };
        if values.len() == 1 {
            return format!("{}{failed}", digits(median));
        }
        format!("{} ({}–{}{failed})", digits(median), digits(values[0]), digits(values[values.len() - 1]))
    }

    /// How many times the other's median this median is.
    pub fn ratio(&self, base: &Self) -> String {
        quotient(self.median(), base.median())
    }

    /// The same with the best round of each: what is left when the machine's noise is taken away.
    pub fn best_ratio(&self, base: &Self) -> String {
        quotient(self.least(), base.least())
    }
}

pub fn quotient(value: Option<f64>, base: Option<f64>) -> String {
    match (value, base) {
        (Some(value), Some(base)) if base > 0.0 => format!("{:.1}×", value / base),
        _ => "–".into(),
    }
}

/// Three digits that count.
pub fn digits(value: f64) -> String {
    match value.abs() {
        size if size >= 100.0 => format!("{value:.0}"),
        size if size >= 10.0 => format!("{value:.1}"),
        _ => format!("{value:.2}"),
    }
}
