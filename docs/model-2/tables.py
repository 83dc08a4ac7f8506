"""Left-out logits -> tables by source, and the file for calibration.

Usage: tables.py NAME; reads runs/left_out_NAME.npz, writes runs/tables_NAME.md and
final/left_out.npz.
"""

import sys

import evaluate
import numpy as np
import table


def main(name: str) -> None:
    data = table.load()
    found = np.load(f"runs/left_out_{name}.npz")
    index = found["index"]
    new, old = (evaluate.elsewhere(data, index, found[key]) for key in ("logit", "old"))
    lines = [
        "| fake source | faces | AUC 1.3.0 | AUC new | caught 1.3.0 | caught new |",
        "|---|---|---|---|---|---|",
    ]
    for source in sorted(new.auc, key=lambda s: (table.FAMILY_OF[s], new.auc[s])):
        lines.append(
            f"| {table.FAMILY_OF[source]}: {source} | {new.sizes[f'fake {source}']} | {old.auc[source]:.2f} "
            f"| {new.auc[source]:.2f} | {old.caught[source]:.2f} | {new.caught[source]:.2f} |"
        )
    lines += [
        "",
        "| real source (15+ faces) | faces | called fake, 1.3.0 | new |",
        "|---|---|---|---|",
    ]
    for source in sorted(new.alarms, key=lambda s: -new.alarms[s]):
        size = new.sizes[f"real {source}"]
        if size >= 15:
            lines.append(
                f"| {source} | {size} | {old.alarms[source]:.3f} | {new.alarms[source]:.3f} |"
            )
    open(f"runs/tables_{name}.md", "w").write("\n".join(lines) + "\n")
    np.savez("final/left_out.npz", path=data.path[index], label=data.label[index], source=data.source[index],
             split=data.split[index], fold=data.fold[index], second=data.second[index],
             **{key: found[key] for key in ("logit", "seam", "synthesis", "all_folds", "old")})  # fmt: skip
    for key, result in (("1.3.0", old), (name, new)):
        print(key, result.line())


if __name__ == "__main__":
    main(sys.argv[1])
