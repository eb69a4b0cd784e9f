"""What the host uses of MiniStack's internals, checked before anything starts.

A new MiniStack may move any of these without notice; a start that fails with the name that
moved is worth more than a batch that vanishes a day later. A plain name states presence; one
in brackets states a function with exactly these parameters; `async` states a coroutine; a dot
states a member of a class, made by the class or by its constructor.
"""

import inspect
from collections.abc import Mapping
from types import ModuleType
from typing import Any

from tidelocal.errors import ContractError

VERSION = "1.5.33"

CONTRACT: Mapping[str, tuple[str, ...]] = {
    "app": (
        "async app(scope, receive, send)",
        "_get_module(name)",
        "_build_persistence_save_dict()",
        (
            "_enforce_data_plane(service, iam_action, headers, query_params, request_id,"
            " resource_arn, service_context, auth_error_response, named_resource)"
        ),
        "SERVICE_HANDLERS",
    ),
    "router": (
        "SERVICE_PATTERNS",
        "_is_aws_service_name(scope_name)",
        "detect_service(method, path, headers, query_params)",
    ),
    "responses": ("request_scope(account_id, region)", "get_account_id()", "get_region()"),
    "persistence": ("_json_default(obj)", "_state_format_version(service)", "STATE_DIR"),
    "iot": (
        "async _evaluate_topic_rules(account_id, region, topic, payload, client_id)",
        "async _run_rule_actions(account_id, region, rule, payload, topic, client_id)",
        (
            "async broker_publish(account_id, region, topic, payload, qos, retain, properties,"
            " client_id, principal)"
        ),
        "async _feed_session(session, data, max_buffer)",
        "async _mtls_context()",
        "_mtls_resolve_identity(der)",
        "_mtls_refusal_reason(cert_id)",
        "_WSSession(send_coro, account_id, region, principal)",
        "_WSSession._policy_allows(self, action, resource)",
        "_WSSession.disconnect_reason(self)",
        "async _WSSession.cleanup(self)",
        "_WSSession.certificate_id",
        "_WSSession.provisioning_template",
        "_WSSession._client_id",
        "_WSSession._in_flight",
        "_WSSession._cleaned_up",
        "_WSSession._will_topic",
        "_parse_fleet_provisioning_topic(topic)",
        (
            "async _fleet_provisioning_reply(account_id, region, operation, template_name,"
            " payload, connection)"
        ),
        "_create_certificate_from_csr(payload, qp)",
        "_drop_expired(store)",
        "_provisioning_role_allows(role_arn, requests)",
        (
            "_mqtt_policy_allows(account_id, region, certificate_id, context, action, resource,"
            " provisioning_template)"
        ),
        "get_thing_shadow(thing_name, shadow_name)",
        "update_thing_shadow(thing_name, shadow_name, request)",
        "_compute_delta(desired, reported)",
        "_jobs_status_details_error(status_details)",
        "error_response_json(code, message, status, extra, message_key, content_type)",
        "_ownership_tokens",
        "_OWNERSHIP_TOKEN_SECONDS",
        "_validate_rule_sql(sql)",
        "_unimplemented_sql_functions(sql)",
        "put_topic_rule(name, payload, created_at)",
        "delete_topic_rule(name)",
        "_set_topic_rule_disabled(name, disabled)",
        "_topic_rule_arn(name)",
        "_set_created_tags(arn, tags)",
        "_dispatch_rule_to_lambda(account_id, region, function_arn, event)",
        "_rule_role_principal(account_id, role_arn)",
        "get_ca_cert_pem()",
        "RuleSqlError",
        "_certificates",
        "_publish_source_ip",
        "_rule_message_identity",
        "_topic_rules",
    ),
    "iam": ("_roles",),
    "sts": (
        "register_session(access_key, session)",
        "_assumed_role_arn(role_arn, session_name)",
        "_gen_session_access_key()",
        "_gen_secret()",
        "_gen_session_token()",
        "_role_id(role_arn)",
    ),
    "kinesis": (
        "_put_record(data)",
        "_expire_records(stream)",
        "_next_sequence_number()",
        "get_state()",
        "_streams",
        "_shard_iterators",
    ),
    "lambda_svc": (
        "_poll_kinesis()",
        "_get_func_record_for_ref_in_scope(function_ref, account_id, region)",
        "_execution_record_for_config(func, config)",
        "_execute_function_with_config_scope(func, event)",
        "_emit_lambda_logs(func, request_id, log_text, error, duration_ms, log_source)",
        "_esms",
    ),
    "lambda_runtime": (
        "Worker",
        "Worker._read_stderr(self)",
        "Worker._drain_stderr_bounded(self, first_line_wait, idle_confirm, hard_cap)",
        "Worker._proc",
        "Worker.func_name",
        "reset()",
    ),
    "s3": (
        (
            "async handle_request(method, path, headers, body, query_params, signed_path,"
            " enforce_bucket_region, internal, access_point_region, access_point)"
        ),
        "_get_object_data(bucket_name, key, version_id)",
    ),
    "sqs": ("_act_send_message(data, qurl)", "_Err", "_queues"),
    "secretsmanager": (
        "_secrets",
        "_create_secret(data)",
        "_put_secret_value(data)",
        "_delete_secret(data)",
    ),
    "cloudformation": ("_stacks",),
    "provisioners": ("_RESOURCE_HANDLERS", "_STACK_TAG_PROPERTY"),
    "apigateway": ("_apis",),
}


def verify(version: str, modules: Mapping[str, ModuleType]) -> None:
    """Compare `modules` with the contract; raises `ContractError` naming every difference."""
    breaches = [] if version == VERSION else [f"its version is not {VERSION}"]
    for module_name, entries in CONTRACT.items():
        module = modules.get(module_name)
        if module is None:
            breaches.append(f"{module_name} is missing")
            continue
        breaches.extend(
            f"{module_name}.{breach}" for entry in entries if (breach := _breach(module, entry))
        )
    if breaches:
        raise ContractError(version, breaches)


def _breach(module: ModuleType, entry: str) -> str:
    """Return what is wrong with `entry` in `module`, or nothing."""
    is_async = entry.startswith("async ")
    name, bracket, rest = entry.removeprefix("async ").partition("(")
    owner_name, _dot, member = name.rpartition(".")
    owner: Any = getattr(module, owner_name, None) if owner_name else module
    if not hasattr(owner, member):
        made = owner_name and owner and member in owner.__init__.__code__.co_names
        return "" if made and not bracket else f"{name} is missing"
    if not bracket:
        return ""
    found = getattr(owner, member)
    if inspect.iscoroutinefunction(found) is not is_async:
        return f"{name} is {'no longer' if is_async else 'now'} a coroutine function"
    wanted = [word.strip() for word in rest.rstrip(")").split(",") if word.strip()]
    have = list(inspect.signature(found).parameters)
    return "" if have == wanted else f"{name} takes ({', '.join(have)})"
