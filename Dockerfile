# The page with the default model: docker build -t deepfake . && docker run -p 7860:7860 deepfake
FROM python:3.12-slim@sha256:78387bc3881b8273120a12ebe6c1ab22b018ccc2c9adf565ae1ac9b536e184ea AS packages
COPY requirements.lock /
# Wheels only, each with its SHA-256, into a folder that has no pip: the image needs no compiler and no
# installer to run.
RUN python -m venv --without-pip /packages \
    && pip --python /packages install --no-cache-dir --only-binary=:all: --require-hashes -r /requirements.lock

FROM python:3.12-slim@sha256:78387bc3881b8273120a12ebe6c1ab22b018ccc2c9adf565ae1ac9b536e184ea
# Not root, and one that Hugging Face's Docker Spaces expect (1000).
RUN useradd --uid 1000 --create-home deepfake
COPY --from=packages /packages /packages
WORKDIR /app
COPY app.py LICENSE NOTICE.md ./
COPY deepfake deepfake
COPY models/default/model.json models/default/model.tflite models/default/README.md models/default/
COPY models/face models/face
COPY examples examples
ENV PATH=/packages/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 DEEPFAKE_HOST=0.0.0.0
USER deepfake
EXPOSE 7860
# Asks the port that the page has: DEEPFAKE_PORT or PORT where the host sets one, else 7860.
HEALTHCHECK --interval=30s --timeout=5s --start-period=30s --retries=3 \
    CMD ["python", "-c", "from urllib.request import urlopen; from deepfake.settings import Settings; urlopen(f'http://127.0.0.1:{Settings.from_environment().port}/healthz', timeout=4)"]
CMD ["python", "app.py"]
