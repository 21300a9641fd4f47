# Does what it is told with confluent-kafka, as a community broker's program would, and says for each case what came of it: JSON on stdin
# ({"parallel": N, "cases": [{"id", "conf", "do", ...}]}), JSON on stdout ({id: "ok" or the error's name}). Cases run side by side.
import concurrent.futures, json, os, sys, threading, time
from confluent_kafka import Consumer, KafkaError, KafkaException, Producer, TopicPartition, ConsumerGroupTopicPartitions
from confluent_kafka.admin import (
    AclBinding, AclBindingFilter, AclOperation, AclPermissionType, AdminClient, AlterConfigOpType, ConfigEntry, ConfigResource, NewPartitions, NewTopic,
    ResourcePatternType, ResourceType)

PATIENCE = 20


class Refused(Exception):
    pass


def name_of(error):
    return error.args[0].name() if isinstance(error, KafkaException) and isinstance(error.args[0], KafkaError) else repr(error)


def listening(conf):
    """A configuration whose errors can be looked at: what never comes as an answer (TLS, passwords) comes there."""
    seen = []
    return {**conf, 'error_cb': seen.append, 'socket.timeout.ms': 10000, 'log_level': 0}, seen


def blamed(seen):
    """The error that explains the others."""
    names = [error.name() for error in seen]
    for wanted in ('_AUTHENTICATION', '_SSL', '_RESOLVE'):
        if wanted in names:
            return wanted
    # A connection that is refused or reset once may be the next address's turn.
    return names[0] if names.count('_ALL_BROKERS_DOWN') > 2 or names.count('_TRANSPORT') > 4 else None


def consume(case, assign):
    conf, seen = listening({**case['conf'], 'group.id': case.get('group', 'none'), 'enable.auto.commit': False, 'auto.offset.reset': 'earliest', 'session.timeout.ms': 6000})
    consumer = Consumer(conf)
    try:
        assign(consumer)
        got, deadline = 0, time.time() + PATIENCE
        while time.time() < deadline:
            message = consumer.poll(0.1)
            # It looks for its group's coordinator also where it reads without one.
            if message is not None and message.error() and 'group' not in case and message.error().code() == KafkaError.GROUP_AUTHORIZATION_FAILED:
                continue
            if message is not None and message.error():
                raise Refused(message.error().name())
            if message is not None:
                got += 1
                if got == case.get('count', 1):
                    if case.get('commit'):
                        consumer.commit(message=message, asynchronous=False)
                    return
            if blamed(seen):
                raise Refused(blamed(seen))
        raise Refused('nothing came')
    finally:
        consumer.close()


def read(case):
    def assign(consumer):
        # Where it may not even look at the topic, an assigned consumer waits for ever.
        if not blamed_before_answer(consumer, case['topic']):
            consumer.assign([TopicPartition(case['topic'], 0, 0)])
    consume(case, assign)


def blamed_before_answer(consumer, topic):
    """Raises what the brokers say against looking at the topic; True where they are not to be asked at all, which is told elsewhere."""
    try:
        error = consumer.list_topics(topic, 5).topics[topic].error
    except KafkaException:
        return True
    if error:
        raise Refused(error.name())
    return False


def read_as_group(case):
    consume({**case, 'commit': True}, lambda consumer: consumer.subscribe([case['topic']]))


def write(case):
    conf, seen = listening({**case['conf'], 'message.timeout.ms': PATIENCE * 1000})
    producer, answers = Producer(conf), []
    producer.produce(case['topic'], case.get('value', '').encode(), on_delivery=lambda error, _: answers.append(error))
    deadline = time.time() + PATIENCE
    while not answers and time.time() < deadline:
        producer.poll(0.05)
        if not answers and blamed(seen):
            producer.purge()
            raise Refused(blamed(seen))
    if not answers or answers[0] is not None:
        raise Refused(answers[0].name() if answers else 'no answer')


admins, lock = {}, threading.Lock()


def administer(case, futures):
    key = json.dumps(case['conf'], sort_keys=True)
    with lock:
        if key not in admins:
            admins[key] = AdminClient({**case['conf'], 'log_level': 0})
    answer = futures(admins[key])
    for future in answer.values() if isinstance(answer, dict) else [answer]:
        value = future.result(PATIENCE)
        # librdkafka takes a refusal for an empty list.
        if value == []:
            raise Refused('sees nothing')
        for part in getattr(value, 'topic_partitions', None) or []:
            if part.error:
                raise KafkaException(part.error)


def settings(topic, **entries):
    return ConfigResource(ResourceType.TOPIC, topic, incremental_configs=[
        ConfigEntry(key, value, incremental_operation=AlterConfigOpType.SET) for key, value in entries.items()])


ACTIONS = {
    'read': read,
    'read as group': read_as_group,
    'write': write,
    'describe': lambda case: administer(case, lambda admin: admin.describe_topics(topics(case))),
    'see settings': lambda case: administer(case, lambda admin: admin.describe_configs([ConfigResource(ResourceType.TOPIC, case['topic'])])),
    'change settings': lambda case: administer(case, lambda admin: admin.incremental_alter_configs([settings(case['topic'], **{'retention.ms': '-1'})])),
    'create': lambda case: administer(case, lambda admin: admin.create_topics([NewTopic(case['topic'], 1, 1)])),
    'add partitions': lambda case: administer(case, lambda admin: admin.create_partitions([NewPartitions(case['topic'], 9)])),
    'delete': lambda case: administer(case, lambda admin: admin.delete_topics([case['topic']])),
    'delete records': lambda case: administer(case, lambda admin: admin.delete_records([TopicPartition(case['topic'], 0, 0)])),
    'describe group': lambda case: administer(case, lambda admin: admin.describe_consumer_groups([case['group']])),
    'set offsets': lambda case: administer(case, lambda admin: admin.alter_consumer_group_offsets([
        ConsumerGroupTopicPartitions(case['group'], [TopicPartition(case['topic'], 0, 0)])])),
    'delete group': lambda case: administer(case, lambda admin: admin.delete_consumer_groups([case['group']])),
    'add rules': lambda case: administer(case, lambda admin: admin.create_acls([AclBinding(
        ResourceType.TOPIC, '*', ResourcePatternType.LITERAL, case['principal'], '*', AclOperation.ALL, AclPermissionType.ALLOW)])),
    'see rules': lambda case: administer(case, lambda admin: admin.describe_acls(AclBindingFilter(
        ResourceType.ANY, None, ResourcePatternType.ANY, None, None, AclOperation.ANY, AclPermissionType.ANY))),
}


def topics(case):
    from confluent_kafka import TopicCollection
    return TopicCollection([case['topic']])


def attempt(case):
    try:
        ACTIONS[case['do']](case)
        return case['id'], 'ok'
    except Refused as refusal:
        return case['id'], str(refusal)
    except Exception as error:
        return case['id'], name_of(error)


told = json.load(sys.stdin)
with concurrent.futures.ThreadPoolExecutor(told['parallel']) as pool:
    json.dump(dict(pool.map(attempt, told['cases'])), sys.stdout)
sys.stdout.flush()
# librdkafka's threads of clients that never got through would be waited for.
os._exit(0)
