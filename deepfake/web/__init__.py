"""The Gradio page. Importing it decides, before Gradio is, what Gradio may keep and send."""

import os

from deepfake.web.scratch import make_scratch_folder

# Read by Gradio when it is imported: uploads and results go to a folder that is deleted at exit,
# and nothing is reported to anybody.
os.environ["GRADIO_TEMP_DIR"] = make_scratch_folder(os.environ.get("GRADIO_TEMP_DIR"))
os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")
