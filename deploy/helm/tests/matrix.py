"""The values that the chart is rendered with: each a name and what differs from the defaults."""

SASL = {
    "config": {
        "kafka": {
            "bootstrap.servers": "kafka-0.example.org:9091,kafka-1.example.org:9091",
            "security.protocol": "SASL_SSL",
            "sasl.mechanism": "SCRAM-SHA-512",
            "sasl.username": "backscribe",
            "ssl.ca.location": "/run/secrets/cluster-ca/ca.crt",
        },
        "kafka_files": {"sasl.password": "/run/secrets/backscribe/kafka-password"},
        "speechkit": {"auth": {"api_key_file": "/run/secrets/backscribe/speechkit-api-key"}},
        "objects": {
            "buckets": ["recordings"],
            "staging": "s3://recordings/.backscribe/staging",
            "transcripts": "s3://recordings/.backscribe/transcripts",
            "auth": {"static_key_file": "/run/secrets/backscribe/storage-key.json"},
        },
        "topics": {"jobs": "calls-jobs", "state": "calls-state"},
        "group": "calls",
    },
    "existingSecrets": ["backscribe", "cluster-ca"],
}
METADATA = {
    "config": {"speechkit": {"auth": {"metadata_service": True}}},
    "existingSecrets": [],
    "serviceAccount": {"annotations": {"example.org/identity": "backscribe"}},
}
PROXIED = {
    "config": {
        "kafka": {"bootstrap.servers": "${KAFKA}"},
        "speechkit": {
            "transcribe_url": "https://proxy.example.org:8443/transcribe",
            "operation_url": "https://proxy.example.org:8443/operation",
        },
        "objects": {"endpoint": "http://minio.storage.svc:9000", "style": "path"},
        "allow_insecure": True,
    },
    "networkPolicy": {
        "kafka": {
            "ports": [9092, 9094],
            "to": [{"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "kafka"}}}],
        },
        "https": {"to": [{"ipBlock": {"cidr": "10.0.0.0/8"}}]},
        "metricsFrom": [{"podSelector": {"matchLabels": {"app": "prometheus"}}}],
        "extraEgress": [{"ports": [{"port": 3128, "protocol": "TCP"}]}],
    },
    "extraEnv": [
        {"name": "KAFKA", "value": "kafka:9092"},
        {"name": "SOME_PASSWORD", "valueFrom": {"secretKeyRef": {"name": "x", "key": "y"}}},
    ],
}
PLACED = {
    "image": {"repository": "registry.example.org/backscribe", "digest": "sha256:" + "0" * 64},
    "imagePullSecrets": [{"name": "registry"}],
    "nodeSelector": {"kubernetes.io/arch": "amd64"},
    "tolerations": [{"key": "batch", "operator": "Exists", "effect": "NoSchedule"}],
    "affinity": {
        "nodeAffinity": {
            "requiredDuringSchedulingIgnoredDuringExecution": {
                "nodeSelectorTerms": [
                    {"matchExpressions": [{"key": "spot", "operator": "DoesNotExist"}]}
                ]
            }
        }
    },
    "priorityClassName": "batch",
    "topologySpreadConstraints": [
        {"topologyKey": "rack", "maxSkew": 2, "whenUnsatisfiable": "DoNotSchedule"}
    ],
    "commonLabels": {"team": "speech"},
    "podLabels": {"sidecar": "none"},
    "podAnnotations": {"example.org/note": "yes"},
    "extraVolumes": [{"name": "ca", "configMap": {"name": "ca"}}],
    "extraVolumeMounts": [{"name": "ca", "mountPath": "/etc/ca", "readOnly": True}],
    "serviceAccount": {"create": False, "name": "speech"},
    "logFormat": "json",
    "logLevel": "debug",
    "extraArgs": ["--set", "limits.in_flight=1000"],
    "shutdownSeconds": 300,
    "admin": {"address": "[::]", "port": 8080},
    "resources": {"limits": {"memory": "2Gi", "cpu": "2"}},
}
WATCHED = {
    "metrics": {
        "scrapeAnnotations": False,
        "serviceMonitor": {"enabled": True, "labels": {"release": "prometheus"}},
        "prometheusRule": {"enabled": True, "labels": {"release": "prometheus"}},
        "dashboard": {"enabled": True},
    }
}
SCALED = {"partitions": 8, "autoscaling": {"enabled": True}}
SCALED_WITH_SECRETS = {
    **SASL,
    "partitions": 16,
    "autoscaling": {
        "enabled": True,
        "minReplicas": 2,
        "maxReplicas": 4,
        "lagPerReplica": 1000000,
        "triggerAuthentication": {
            "secretTargetRef": [
                {"parameter": name, "name": "kafka-keda", "key": name}
                for name in ("username", "password")
            ]
        },
    },
}
SCALED_BY_CLUSTER = {
    **SASL,
    "partitions": 16,
    "autoscaling": {
        "enabled": True,
        "triggerAuthentication": {"name": "kafka", "kind": "ClusterTriggerAuthentication"},
    },
}
BARE = {
    "podDisruptionBudget": {"enabled": False},
    "networkPolicy": {"enabled": False},
    "metrics": {"scrapeAnnotations": False},
    "serviceAccount": {"create": False},
    "topologySpreadConstraints": [],
    "resources": {"requests": None, "limits": None},
}
ENQUEUES = {
    "job": {
        "enqueue": {
            "enabled": True,
            "sources": ["s3://recordings/2024/", "s3://recordings/2025/"],
            "newerThan": "26h",
            "extraArgs": ["--label", "source=nightly"],
        },
        "failOnDeadLetter": False,
        "giveUpAfter": "1h",
        "backoffLimit": 3,
        "activeDeadlineSeconds": 7776000,
        "ttlSecondsAfterFinished": 1209600,
    }
}
SEVERAL = {"partitions": 8, "job": {"workers": 8, "run": "second"}}
TIMED = {
    "cronJob": {
        "schedule": "@daily",
        "timeZone": "Europe/Berlin",
        "suspend": True,
        "startingDeadlineSeconds": None,
    }
}
CREATES = {"createTopics": {"enabled": True}, "partitions": 12}

EVERYWHERE = {
    "defaults": {},
    "sasl": SASL,
    "metadata": METADATA,
    "proxied": PROXIED,
    "placed": PLACED,
    "watched": WATCHED,
    "bare": BARE,
    "creates": CREATES,
}
OF_MODE = {
    "standing": {
        "scaled": SCALED,
        "scaled-with-secrets": SCALED_WITH_SECRETS,
        "scaled-by-cluster": SCALED_BY_CLUSTER,
        "percent": {"podDisruptionBudget": {"maxUnavailable": "50%"}},
    },
    "job": {"enqueues": ENQUEUES, "several": SEVERAL},
    "cronjob": {"enqueues": ENQUEUES, "several": SEVERAL, "timed": TIMED},
}
MATRIX = {
    f"{mode}-{name}": {"mode": mode, **values}
    for mode, own in OF_MODE.items()
    for name, values in {**EVERYWHERE, **own}.items()
}
