# Runs Kafka operations with confluent-kafka, the client library of community brokers. Cases run concurrently.
# stdin: {"parallel": N, "cases": [{"id", "conf", "do", ...}]}; stdout: {id: "ok" or the name of the error}.
import concurrent.futures, json, os, sys, threading, time
from confluent_kafka import Consumer, KafkaError, KafkaException, Producer, TopicPartition, ConsumerGroupTopicPartitions
from confluent_kafka.admin import (
    AclBinding, AclBindingFilter, AclOperation, AclPermissionType, AdminClient, AlterConfigOpType, ConfigEntry, ConfigResource,
    NewPartitions, NewTopic, ResourcePatternType, ResourceType)

TIMEOUT_S = 20


class Denied(Exception):
    pass


def name_of(error):
    return error.args[0].name() if isinstance(error, KafkaException) and isinstance(error.args[0], KafkaError) else repr(error)


def with_error_log(conf):
    """Returns the configuration and a list of the client's errors, because only error_cb reports TLS and authentication errors."""
    errors = []
    return {**conf, 'error_cb': errors.append, 'socket.timeout.ms': 10000, 'log_level': 0}, errors


def root_cause(errors):
    """Returns the name of the error that explains the other errors, or None."""
    names = [error.name() for error in errors]
    for wanted in ('_AUTHENTICATION', '_SSL', '_RESOLVE'):
        if wanted in names:
            return wanted
    # After one refused or reset connection, the client tries the next address, so one such error is not the cause.
    return names[0] if names.count('_ALL_BROKERS_DOWN') > 2 or names.count('_TRANSPORT') > 4 else None


def consume(case, assign):
    conf, errors = with_error_log({
        **case['conf'], 'group.id': case.get('group', 'none'), 'enable.auto.commit': False, 'auto.offset.reset': 'earliest',
        'session.timeout.ms': 6000})
    consumer = Consumer(conf)
    try:
        assign(consumer)
        got, deadline = 0, time.time() + TIMEOUT_S
        while time.time() < deadline:
            message = consumer.poll(0.1)
            if message is not None and message.error():
                # The client looks up a group coordinator even if it reads without a group.
                if 'group' not in case and message.error().code() == KafkaError.GROUP_AUTHORIZATION_FAILED:
                    continue
                raise Denied(message.error().name())
            if message is not None:
                got += 1
                if got == case.get('count', 1):
                    if case.get('commit'):
                        consumer.commit(message=message, asynchronous=False)
                    return
            if root_cause(errors):
                raise Denied(root_cause(errors))
        raise Denied('no message')
    finally:
        consumer.close()


def read(case):
    def assign(consumer):
        # A consumer with an assigned partition waits forever if it is not allowed to describe the topic.
        if can_list(consumer, case['topic']):
            consumer.assign([TopicPartition(case['topic'], 0, 0)])
    consume(case, assign)


def can_list(consumer, topic):
    """Raises if the brokers deny access to the topic. Returns False if no broker is reachable; the error list has the reason."""
    try:
        error = consumer.list_topics(topic, 5).topics[topic].error
    except KafkaException:
        return False
    if error:
        raise Denied(error.name())
    return True


def read_as_group(case):
    consume({**case, 'commit': True}, lambda consumer: consumer.subscribe([case['topic']]))


def write(case):
    conf, errors = with_error_log({**case['conf'], 'message.timeout.ms': TIMEOUT_S * 1000})
    producer, reports = Producer(conf), []
    producer.produce(case['topic'], case.get('value', '').encode(), on_delivery=lambda error, _: reports.append(error))
    deadline = time.time() + TIMEOUT_S
    while not reports and time.time() < deadline:
        producer.poll(0.05)
        if not reports and root_cause(errors):
            producer.purge()
            raise Denied(root_cause(errors))
    if not reports or reports[0] is not None:
        raise Denied(reports[0].name() if reports else 'no delivery report')


admins, lock = {}, threading.Lock()


def administer(case, futures):
    key = json.dumps(case['conf'], sort_keys=True)
    with lock:
        if key not in admins:
            admins[key] = AdminClient({**case['conf'], 'log_level': 0})
    result = futures(admins[key])
    for future in result.values() if isinstance(result, dict) else [result]:
        value = future.result(TIMEOUT_S)
        # librdkafka returns an empty list if the listing is denied.
        if value == []:
            raise Denied('empty list')
        for part in getattr(value, 'topic_partitions', None) or []:
            if part.error:
                raise KafkaException(part.error)


def configs(topic, **entries):
    return ConfigResource(ResourceType.TOPIC, topic, incremental_configs=[
        ConfigEntry(key, value, incremental_operation=AlterConfigOpType.SET) for key, value in entries.items()])


ACTIONS = {
    'read': read,
    'read as group': read_as_group,
    'write': write,
    'describe': lambda case: administer(case, lambda admin: admin.describe_topics(topics(case))),
    'describe configs': lambda case: administer(case, lambda admin: admin.describe_configs([
        ConfigResource(ResourceType.TOPIC, case['topic'])])),
    'alter configs': lambda case: administer(case, lambda admin: admin.incremental_alter_configs([
        configs(case['topic'], **{'retention.ms': '-1'})])),
    'create': lambda case: administer(case, lambda admin: admin.create_topics([NewTopic(case['topic'], 1, 1)])),
    'add partitions': lambda case: administer(case, lambda admin: admin.create_partitions([NewPartitions(case['topic'], 9)])),
    'delete': lambda case: administer(case, lambda admin: admin.delete_topics([case['topic']])),
    'delete records': lambda case: administer(case, lambda admin: admin.delete_records([TopicPartition(case['topic'], 0, 0)])),
    'describe group': lambda case: administer(case, lambda admin: admin.describe_consumer_groups([case['group']])),
    'alter offsets': lambda case: administer(case, lambda admin: admin.alter_consumer_group_offsets([
        ConsumerGroupTopicPartitions(case['group'], [TopicPartition(case['topic'], 0, 0)])])),
    'delete group': lambda case: administer(case, lambda admin: admin.delete_consumer_groups([case['group']])),
    'create ACLs': lambda case: administer(case, lambda admin: admin.create_acls([AclBinding(
        ResourceType.TOPIC, '*', ResourcePatternType.LITERAL, case['principal'], '*', AclOperation.ALL, AclPermissionType.ALLOW)])),
    'describe ACLs': lambda case: administer(case, lambda admin: admin.describe_acls(AclBindingFilter(
        ResourceType.ANY, None, ResourcePatternType.ANY, None, None, AclOperation.ANY, AclPermissionType.ANY))),
}


def topics(case):
    from confluent_kafka import TopicCollection
    return TopicCollection([case['topic']])


def attempt(case):
    try:
        ACTIONS[case['do']](case)
        return case['id'], 'ok'
    except Denied as denied:
        return case['id'], str(denied)
    except Exception as error:
        return case['id'], name_of(error)


request = json.load(sys.stdin)
with concurrent.futures.ThreadPoolExecutor(request['parallel']) as pool:
    json.dump(dict(pool.map(attempt, request['cases'])), sys.stdout)
sys.stdout.flush()
# os._exit, because a normal exit would wait for the librdkafka threads of clients that never connected.
os._exit(0)
