"""A real API server takes the CRDs made from written models, and its own objects come back from ours unchanged."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

from kubernaut.resources import crd_for
from tests.envtest import api_server, needs_envtest

pytestmark = needs_envtest
CRDS_PATH = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"


def load(name: str) -> ModuleType:
    if name not in sys.modules:
        spec = importlib.util.spec_from_file_location(name, Path(__file__).parent / f"{name}.py")
        assert spec is not None
        assert spec.loader is not None
        sys.modules[name] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(sys.modules[name])
    return sys.modules[name]


async def test_the_server_takes_the_crds_made_from_written_models(tmp_path: Path) -> None:
    crds = load("test_models_of_crds")
    async with api_server(tmp_path) as client:
        for name in crds.NAMES:
            for model in crds.kinds(crds.load(name, crds.written(name).text, tmp_path)).values():
                answer = await client.post(CRDS_PATH, json=crd_for(model, validations=False))
                assert answer.status_code == 201, answer.text


async def test_an_object_of_the_server_written_back_by_a_model_is_the_same(tmp_path: Path) -> None:
    builtin = load("test_builtin")
    seen = 0
    async with api_server(tmp_path) as client:
        for api_version, kind in builtin.KINDS:
            model = builtin.model(api_version, kind)
            answer = await client.get(model.resource_type.path())
            if answer.status_code != 200 or kind == "ComponentStatus":
                continue
            for item in answer.json()["items"]:
                obj = model.from_dict(item)
                assert builtin.unnamed(obj) == []
                path = model.resource_type.path(obj.namespace, obj.name)
                written = await client.put(path, json=obj.to_dict())
                assert written.status_code == 200, written.text
                # A write that changes nothing gets no new version.
                assert written.json()["metadata"].get("resourceVersion") == obj.metadata.resource_version, path
                seen += 1
    assert seen > 100
