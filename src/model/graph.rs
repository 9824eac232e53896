//! Order in a graph given as, for each node, the nodes that come before it.

/// A cycle as the path of its nodes, each depending on the next and the last on the first; `None` if there is none.
///
/// Without recursion, so that a hostile depth of dependencies costs memory and not the stack.
#[must_use]
pub fn find_cycle(before: &[Vec<usize>]) -> Option<Vec<usize>> {
    #[derive(Clone, Copy, PartialEq)]
    enum Mark {
        New,
        Open,
        Closed,
    }
    let mut marks = vec![Mark::New; before.len()];
    for start in 0..before.len() {
        if marks[start] != Mark::New {
            continue;
        }
        let mut path = vec![(start, 0)];
        marks[start] = Mark::Open;
        while let Some((node, next)) = path.last_mut() {
            let Some(&below) = before[*node].get(*next) else {
                marks[*node] = Mark::Closed;
                path.pop();
                continue;
            };
            *next += 1;
            match marks[below] {
                Mark::Closed => {}
                Mark::New => {
                    marks[below] = Mark::Open;
                    path.push((below, 0));
                }
                Mark::Open => {
                    let from = path.iter().position(|(node, _)| *node == below).unwrap_or(0);
                    return Some(path[from..].iter().map(|(node, _)| *node).collect());
                }
            }
        }
    }
    None
}

/// The nodes in an order in which each comes after all that are before it; as many as there are outside cycles.
#[must_use]
pub fn topological_order(before: &[Vec<usize>]) -> Vec<usize> {
    let mut after = vec![Vec::new(); before.len()];
    let mut open: Vec<usize> = before.iter().map(Vec::len).collect();
    for (node, list) in before.iter().enumerate() {
        for &below in list {
            after[below].push(node);
        }
    }
    let mut order: Vec<usize> = (0..before.len()).filter(|n| open[*n] == 0).collect();
    let mut next = 0;
    while let Some(&node) = order.get(next) {
        next += 1;
        for &above in &after[node] {
            open[above] -= 1;
            if open[above] == 0 {
                order.push(above);
            }
        }
    }
    order
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cycle_is_shown_as_its_path() {
        assert_eq!(find_cycle(&[vec![1], vec![2], vec![3], vec![1]]), Some(vec![1, 2, 3]));
        assert_eq!(find_cycle(&[vec![0]]), Some(vec![0]));
        assert_eq!(find_cycle(&[vec![1, 2], vec![2], vec![]]), None);
    }

    #[test]
    fn the_order_puts_requirements_first() {
        assert_eq!(topological_order(&[vec![1, 2], vec![2], vec![]]), [2, 1, 0]);
        assert_eq!(topological_order(&[vec![1], vec![0], vec![]]), [2], "cycles are left out");
    }
}
