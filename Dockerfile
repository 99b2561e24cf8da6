# The server with PyTorch for CPUs. Models are not part of the image; compose.yaml mounts them.
FROM python:3.12-slim AS build
# uv knows where PyTorch's builds for CPUs are; the usual ones bring gigabytes of CUDA along.
RUN pip install --no-cache-dir uv==0.13.9
WORKDIR /source
COPY pyproject.toml README.md LICENSE constraints.txt ./
COPY src src
RUN uv venv /opt/crosslate \
    && uv pip install --no-cache --python /opt/crosslate --torch-backend cpu --constraint constraints.txt '.[serve]'

FROM python:3.12-slim
# The cache holds the models that CTranslate2 is given; a volume in its place belongs to the same user.
RUN useradd --uid 10001 --create-home crosslate \
    && install --directory --owner crosslate /home/crosslate/.cache
COPY --from=build /opt/crosslate /opt/crosslate
ENV PATH=/opt/crosslate/bin:$PATH \
    HF_HUB_OFFLINE=1 \
    CROSSLATE_HOST=0.0.0.0 \
    CROSSLATE_PORT=5000 \
    CROSSLATE_PARENT=/models/parent \
    CROSSLATE_PACKS=/models/packs
USER 10001
VOLUME /home/crosslate/.cache
EXPOSE 5000
# Not healthy until the models are loaded; the first start converts them, which takes minutes for large ones.
HEALTHCHECK --interval=30s --timeout=5s --start-period=10m \
    CMD ["python", "-c", "import os, urllib.request as r; r.urlopen('http://127.0.0.1:' + os.environ['CROSSLATE_PORT'] + '/health', timeout=4)"]
ENTRYPOINT ["crosslate"]
CMD ["serve"]
