"""The numbers of the protocol: operations and status codes, as AWS's SDK has them."""

from enum import IntEnum


class Operation(IntEnum):
    """What a frame is."""

    CONNECT = 1
    CREATE = 2
    DELETE = 3
    APPEND = 4
    READ = 5
    CONNECT_ANSWER = 6
    CREATE_ANSWER = 7
    DELETE_ANSWER = 8
    APPEND_ANSWER = 9
    READ_ANSWER = 10
    LIST = 11
    LIST_ANSWER = 12
    DESCRIBE = 13
    DESCRIBE_ANSWER = 14
    UPDATE = 15
    UPDATE_ANSWER = 16
    UNKNOWN_OPERATION = 17


ANSWERS = {
    Operation.CONNECT: Operation.CONNECT_ANSWER,
    Operation.CREATE: Operation.CREATE_ANSWER,
    Operation.DELETE: Operation.DELETE_ANSWER,
    Operation.APPEND: Operation.APPEND_ANSWER,
    Operation.READ: Operation.READ_ANSWER,
    Operation.LIST: Operation.LIST_ANSWER,
    Operation.DESCRIBE: Operation.DESCRIBE_ANSWER,
    Operation.UPDATE: Operation.UPDATE_ANSWER,
}


class Status(IntEnum):
    """How a request went. AWS's names; what the server means by each stands in its README."""

    SUCCESS = 0
    UNKNOWN_FAILURE = 1
    UNAUTHORIZED = 2
    INVALID_REQUEST = 3
    REQUEST_PAYLOAD_TOO_LARGE = 4
    RESOURCE_NOT_FOUND = 5
    SERVER_TIMEOUT = 6
    RESPONSE_PAYLOAD_TOO_LARGE = 7
    UNSUPPORTED_CONNECT_VERSION = 8
    UNEXPECTED_OPERATION = 9
    UNSUPPORTED_PROTOCOL_VERSION = 10
    INVALID_PROTOCOL_VERSION = 11
    FAILED_TO_CONNECT = 12
    NOT_ENOUGH_MESSAGES = 13
    MESSAGE_STORE_READ_ERROR = 14
    OUT_OF_MEMORY_ERROR = 15
    UPDATE_FAILED = 16
    UPDATE_NOT_ALLOWED = 17
    UNKNOWN_OPERATION = 18
