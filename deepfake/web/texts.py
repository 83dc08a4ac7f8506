"""Every text of the page, by message id.

Messages are whole sentences with named places, so that each can be translated by itself; none is
put together from pieces of grammar, and what is counted stands as a number beside a word that does
not bend ("Faces: 3"). The ids are also what `gr.I18n` would be given for the labels of components,
which the browser translates; panels are made on the server, by `say`.
"""

from __future__ import annotations

from deepfake.manifest import OperatingPoint

ENGLISH: dict[str, str] = {
    # The page
    "page.heading": "Is this face real?",
    "page.intro": "Send a photo. The page looks for signs of a deepfake in its faces, and says how "
    "often such a verdict is wrong.",
    # The left side
    "photo.label": "Photo",
    "photo.alt": "The photo that was chosen",
    "photo.faces_alt": "The photo with a numbered box around each face",
    "photo.privacy": "The photo is analysed on the computer that runs this page, passed on to "
    "nobody, and deleted within an hour.",
    "photo.analyse": "Analyse",
    "photo.first": "Choose a photo first: drop it on the page, paste it, or take one of the "
    "examples.",
    "examples.title": "Try an example",
    "examples.real": "Real",
    "examples.fake": "Fake",
    "examples.no_face": "No face",
    # What the script says while a photo has no answer
    "intake.again": "Try again",
    "intake.sending": "Sending the photo …",
    "intake.judging": "Looking at the photo …",
    "intake.lost": "The connection to this page was lost, so the photo has no result. Try again "
    "when you are online.",
    "intake.no_answer": "There was no answer for this photo.",
    "intake.too_large": "The file is larger than {size}. Send a smaller copy of it.",
    "intake.folder": "This is a folder. Drop one photo out of it.",
    "intake.several": "These are several files. Give one photo at a time.",
    "intake.no_file": "This is a link or a text, not a photo. Save the picture as a file, and drop "
    "that.",
    "intake.no_picture": "There is no picture in the clipboard. Copy one, or choose a file.",
    "intake.no_clipboard": "The browser does not let this page read the clipboard. Press Ctrl+V "
    "instead.",
    # What stands where a verdict would
    "welcome.heading": "Is this face real?",
    "welcome.text": "Drop a photo, paste one, or take one of the examples. The verdict appears "
    "here.",
    "error.no_photo": "No photo yet",
    "error.file": "This file could not be checked",
    "error.refused": "Not analysed",
    "error.model": "This model cannot be used",
    # The verdict
    "verdict.fake": "Signs of manipulation found",
    "verdict.uncertain": "Uncertain: the model cannot tell",
    "verdict.real": "No signs of manipulation found",
    "verdict.not_applicable": "No face found: this model judges faces only",
    "adjusted.fake": "Called fake at the threshold that you chose",
    "adjusted.uncertain": "Uncertain at the threshold that you chose",
    "adjusted.real": "Not called fake at the threshold that you chose",
    "adjusted.own": "At the model’s own threshold: {verdict}.",
    "signs.blending": "What was found looks like a face, or a part of one, put into another photo.",
    "signs.generation": "What was found looks like a face that a computer generated.",
    "caveat.fake": "This is a sign, not a proof: real photos are called fake, too. Do not accuse "
    "anyone because of it.",
    "caveat.uncertain": "Take this as no answer. It says nothing for or against the photo.",
    "caveat.real": "This does not prove that the photo is real: many fakes show no signs that this "
    "model knows.",
    "caveat.real_counted": "This does not prove that the photo is real: of 100 fakes from "
    "elsewhere, {missed} got this same answer.",
    "caveat.not_applicable": "This says nothing about whether the picture is real.",
    "verdict.model": "Model {name} {version}",
    "unjudged.small": "The face is too small to judge",
    "unjudged.dark": "The face is too dark to judge",
    "unjudged.burnt_out": "The face is too bright to judge",
    "unjudged.many_faces": "Too many faces to judge",
    "unjudged.drawing": "This looks like a drawing, not like a photographed face",
    "unjudged.other": "The face cannot be judged",
    "remedy.small": "Send the photo in its original size, or one that was taken closer.",
    "remedy.dark": "Send a brighter photo of the same face.",
    "remedy.burnt_out": "Send a photo of the same face with less light on it.",
    "remedy.many_faces": "Send a part of the photo with fewer faces.",
    "remedy.drawing": "Send a photo of a person.",
    "remedy.other": "Send another photo of the same face.",
    # The bar
    "bar.likely": "Likely fake: {share}",
    "bar.alt": "Likely fake: {share}. Below {low} the model says “no signs”, from {high} on "
    "“signs found”, and between them “uncertain”.",
    "bar.alt_without_band": "Likely fake: {share}. Below {high} the model says “no signs”, and "
    "from there on “signs found”.",
    "bar.real": "no signs",
    "bar.uncertain": "uncertain",
    "bar.fake": "signs found",
    # What the verdict is worth
    "worth.elsewhere": "Measured on photos from elsewhere, from sources left out of training: of "
    "100 real faces, {false_alarms} were called fake; of 100 fakes, {found} were found.",
    "worth.not_measured": "How often this model is wrong on photos from elsewhere was never "
    "measured.",
    "worth.not_here": "How often this model is wrong at this threshold was not measured.",
    "worth.group": "Faces judged: {faces}. More faces, more false alarms: of 100 photos with so "
    "many real faces, about {false_alarms} would be called fake if faces erred independently of "
    "each other.",
    # Reasons that weaken a verdict
    "reason.small": "The face is small: there is little to see, and the model errs more often.",
    "reason.dark": "The face is dark: the model errs more often in poor light.",
    "reason.burnt_out": "Parts of the face are too bright to show anything.",
    "reason.blurred": "The face is blurred: the traces that the model looks for may be gone.",
    "reason.turned": "The face is turned or tilted: the model knows such faces less well.",
    "reason.compressed": "The photo is strongly compressed: traces may be gone.",
    "reason.drawing": "This may be a drawing or a painting: the model judges photographs only.",
    "reason.many_faces": "Many faces: one of them scores high by chance more easily, so more is "
    "needed to call the photo fake.",
    "reason.unstable": "The verdict changes when the photo is saved again or made smaller: do not "
    "rely on it.",
    # After one of these, where it was measured
    "reason.rates": "Of 100 such real faces from elsewhere, {false_alarms} were called fake; of "
    "100 such fakes, {found} were found.",
    "reason.other": "Something about this photo makes the verdict less sure ({reason}).",
    "left_out": "Faces not judged, because they are too small, dark or bright, or too many: "
    "{faces}",
    # Faces and evidence
    "faces.label": "Faces (choose one to see what the model looked at)",
    "face.judged": "Face {number} of {faces}: {verdict}, {share} likely fake",
    "face.decides": "Face {number} of {faces}, which decides: {verdict}, {share} likely fake",
    "face.unjudged": "Face {number} of {faces}: not judged",
    "word.fake": "fake",
    "word.uncertain": "uncertain",
    "word.real": "real",
    "word.not_applicable": "not judged",
    "evidence.label": "What the model looked at",
    "evidence.caption": "Left of the handle: the face as the model saw it. Right: orange places "
    "raised its score for “fake”, blue ones lowered it; grey ones did not matter.",
    "evidence.work_out": "Show what the model looked at (slow)",
    # The same face, saved again and changed a little
    "strip.title": "Does the verdict hold when the photo is changed a little?",
    "strip.caption": "The same face, changed as phones and web sites change photos, and judged "
    "again. Points that stay together: the verdict does not hang on details of the file.",
    "strip.row": "{name}: {share} likely fake",
    "change.jpeg_90": "Saved again as JPEG, quality 90",
    "change.jpeg_60": "Saved again as JPEG, quality 60",
    "change.jpeg_40": "Saved again as JPEG, quality 40",
    "change.halved": "Half as large",
    "change.blurred": "A little blurred",
    "change.mirrored": "Mirrored",
    "change.darkened": "Darker",
    # The threshold and what follows from it
    "adjust.title": "Adjust: when is a face called fake?",
    "adjust.label": "Called fake from",
    "adjust.info": "Lower finds more fakes and calls more real faces fake; higher the other way "
    "round.",
    "adjust.presets": "Ready-made choices",
    "adjust.balanced": "Balanced (the model’s own)",
    "adjust.few_alarms": "Few false alarms",
    "adjust.few_misses": "Miss little",
    "adjust.now": "Called fake from {threshold} on: {false_alarms} of 100 real faces, and {found} "
    "of 100 fakes.",
    "adjust.curve": "Curve of all choices. Across: of 100 real faces, how many are called fake. "
    "Up: of 100 fakes, how many are found. The dot is the choice of now: {false_alarms} and "
    "{found}.",
    "adjust.curve_alone": "Curve of all choices. Across: of 100 real faces, how many are called "
    "fake. Up: of 100 fakes, how many are found.",
    "adjust.curve_across": "real called fake",
    "adjust.curve_up": "fakes found",
    "adjust.mix": "Of 1,000 faces that you look at, about how many are fake?",
    "adjust.mix_answer": "About {flagged} of the 1,000 would be called fake. Of these, about "
    "{right} would really be fake and {wrong} would be real.",
    "adjust.measured_elsewhere": "Measured on photos from elsewhere: {reals} real faces and "
    "{fakes} fakes.",
    "adjust.measured_inside": "Measured on photos from the same collections as in training, where "
    "it errs less than elsewhere: {reals} real faces and {fakes} fakes.",
    # Details
    "details.title": "Details",
    "details.elsewhere": "From elsewhere, at {threshold}: {false_alarms} of the real faces called "
    "fake, {found} of the fakes found. Measured on {measured_on}; real faces: {reals}, fakes: "
    "{fakes}.",
    "details.sources": "Sources of real photos that were left out of training: {reals}. Sources "
    "of fakes: {fakes}.",
    "details.worst": "Hardest source of real photos: {name}. Of its {reals} real faces, "
    "{false_alarms} were called fake at the model’s own threshold.",
    "details.inside": "On photos like those it was trained with, at {threshold}: {false_alarms} of "
    "the real faces called fake, {found} of the fakes found. Measured on {measured_on}; real "
    "faces: {reals}, fakes: {fakes}. Expect more errors than that.",
    "details.band": "Between {low} and {high} the answer is “uncertain”, because the model errs "
    "too often there.",
    "details.ran": "The model took {milliseconds} ms.",
    "details.limits": "New kinds of fakes, heavy editing and small or blurred faces are judged "
    "worse than these figures say.",
    # Reports, and earlier results
    "report.read": "Save the report (to read and print)",
    "report.check": "Save the report (JSON, to verify)",
    "report.gone": "The result is no longer here. Analyse the photo again, or open the small "
    "report under “Earlier results”.",
    "history.title": "Earlier results",
    "history.csv": "Save as CSV",
    "history.json": "Save as JSON",
    "history.clear": "Clear",
    "history.keep": "Keep results in this browser",
    "history.note": "They stay on this device, each with a small copy of the photo, until you "
    "clear them; at most 30. Nobody else gets them. Switch this off on a device that others use.",
    "history.empty": "Nothing checked yet.",
    "history.off": "Switched off: nothing is kept.",
    "history.photo": "Photo",
    "history.file": "File",
    "history.verdict": "Verdict",
    "history.likely": "Likely fake",
    "history.threshold": "Called fake from",
    "history.time": "Time",
    "history.open": "Open the report on {file}",
    "history.report": "Report",
    "history.print": "Print",
    "history.page": "Save as a page",
    "history.close": "Close",
    # A wrong verdict
    "misjudged.title": "Is this verdict wrong?",
    "misjudged.own": "A copy of this photo and your answer are kept in {folder} on this computer, "
    "so that new models can be tried on it (deepfake misjudged run). Nothing is sent anywhere.",
    "misjudged.public": "A copy of this photo and your answer are kept by whoever runs this page, "
    "until they delete them, so that new models can be tried on it. Do this only if the photo may "
    "be kept. Nobody else gets it.",
    "misjudged.real": "It is a real photo",
    "misjudged.fake": "It is a fake",
    "misjudged.other_photo": "This verdict is not of the photo that is shown. Analyse the photo "
    "again first.",
    "misjudged.not_here": "This page keeps no photos.",
    "misjudged.nothing": "Nothing was kept",
    "misjudged.thanks": "Kept. Thank you: every new model will be tried on this photo.",
    # Numbers
    "number.below_one": "<1",
    "number.above_99": ">99",
    # About this model
    "about.what": "What it does",
    "about.what_text": "It looks at each face in a photo and says how likely it is that the face "
    "was generated by a computer or changed by one, such as by a face swap. It does not look at "
    "the rest of the picture, and it cannot say who made or changed a photo.",
    "about.whom": "Whom it is for",
    "about.whom_text": "People who want a second opinion on a photo that they look at themselves. "
    "It is not for decisions about people: do not accuse, refuse or pay anyone because of it.",
    "about.errors": "How often it is wrong on photos from elsewhere",
    "about.errors_text": "Of 100 real faces it calls {false_alarms} fake. Of 100 fakes it finds "
    "{found}.",
    "about.errors_basis": "Measured on {reals} real faces and {fakes} fakes from sources left out "
    "of training. Photos like those it was trained with are easier.",
    "about.kinds": "Found of 100 fakes, by kind: {kinds}.",
    "about.kind": "{kind}: {found}",
    "kind.swaps": "face swaps",
    "kind.edits": "edited faces",
    "kind.gan": "faces generated by older networks (GANs)",
    "kind.modern": "faces generated by modern image generators",
    "about.known": "Known failures",
    "about.known_none": "Nobody wrote down where this model fails.",
    "about.contents": "The whole model card",
}


def say(message: str, **values: object) -> str:
    """A text of the page in plain words, not yet escaped for HTML.

    Args:
        message: str. The message's id.
        **values: what stands in its named places.

    Raises:
        KeyError: there is no such message, or a place of it was left empty.
    """
    return ENGLISH[message].format(**values)


def has(*parts: str) -> bool:
    """Whether there is a message of that id, in parts; words from other rooms may have none."""
    return ".".join(parts) in ENGLISH


def share(value: float) -> str:
    """A share as percent; "<1 %" and ">99 %" where no figure promises 0 or 100."""
    return f"{_number(100 * value)} %"


def of_hundred(value: float) -> str:
    """A measured share as a count of 100: "8", "<1" for a little, "0" for nothing at all."""
    if value in (0.0, 1.0):
        return f"{100 * value:.0f}"
    return _number(100 * value)


def counts(point: OperatingPoint) -> dict[str, str]:
    """The error rates of a threshold as counts of 100, by the places of the messages."""
    return {
        "false_alarms": of_hundred(point.false_positive_rate),
        "found": of_hundred(point.true_positive_rate),
    }


def _number(percent: float) -> str:
    whole = round(percent)
    if whole < 1:
        return say("number.below_one")
    return say("number.above_99") if whole > 99 else f"{whole}"
