"""The dependency-injection container: what every part is made of, for both processes and for the console."""

from dependency_injector import containers, providers

from my_monit import settings
from my_monit.health import Health
from my_monit.identity.choice import open_identity, open_sign_in
from my_monit.logs.audit import Audit
from my_monit.messaging.accounts import BrokerAccounts
from my_monit.messaging.connector import RabbitConnector
from my_monit.messaging.ledger import Ledger
from my_monit.messaging.listener import RabbitListener
from my_monit.messaging.management import Management
from my_monit.messaging.processor import RabbitMessageProcessor
from my_monit.rest.application import create_app
from my_monit.rest.listener import RestListener
from my_monit.rest.streams import Streams
from my_monit.services.access import AccessService
from my_monit.services.adapters import AdapterService
from my_monit.services.changes import ChangeService
from my_monit.services.demonstration import Demonstration
from my_monit.services.erasure import ErasureService
from my_monit.services.experiments import ExperimentService
from my_monit.services.forgetting import Forgetting
from my_monit.services.guard import Guard
from my_monit.services.ingestion import IngestionService
from my_monit.services.keys import KeyService
from my_monit.services.measure_types import MeasureTypeService
from my_monit.services.measures import MeasureService
from my_monit.services.quarantine import QuarantineService
from my_monit.services.sessions import SessionService
from my_monit.services.summary import SummaryService
from my_monit.services.tokens import TokenService
from my_monit.services.users import UserService
from my_monit.storage.connector import StorageConnector
from my_monit.storage.storage import Storage


class Container(containers.DeclarativeContainer):
    wiring_config = containers.WiringConfiguration(packages=["my_monit.rest"], auto_wire=False)

    storage_configuration = providers.Singleton(settings.load, settings.StorageConfiguration)
    storage_administration = providers.Singleton(settings.load, settings.StorageAdministration)
    rabbit_names = providers.Singleton(settings.load, settings.RabbitNames)
    rabbit_configuration = providers.Singleton(settings.load, settings.RabbitConfiguration)
    rabbit_administration = providers.Singleton(settings.load, settings.RabbitAdministration)
    demonstration_configuration = providers.Singleton(settings.load, settings.DemonstrationConfiguration)
    ingestion_configuration = providers.Singleton(settings.load, settings.IngestionConfiguration)
    rest_configuration = providers.Singleton(settings.load, settings.RestConfiguration)
    health_configuration = providers.Singleton(settings.load, settings.HealthConfiguration)
    guard_configuration = providers.Singleton(settings.load, settings.GuardConfiguration)
    identity_configuration = providers.Singleton(settings.load, settings.IdentityConfiguration)
    sign_in_configuration = providers.Singleton(settings.load, settings.SignInConfiguration)
    logging_configuration = providers.Singleton(settings.load, settings.LoggingConfiguration)

    storage_connector = providers.Singleton(StorageConnector, storage_configuration)
    storage = providers.Singleton(Storage, storage_connector)
    identity = providers.Singleton(open_identity, identity_configuration)
    sign_in = providers.Singleton(open_sign_in, identity_configuration, sign_in_configuration, identity)
    audit = providers.Singleton(Audit, storage)

    user_service = providers.Singleton(UserService, storage, audit)
    key_service = providers.Singleton(KeyService, storage, audit)
    session_service = providers.Singleton(SessionService, audit, user_service, identity, sign_in)
    erasure_service = providers.Singleton(ErasureService, audit, identity)
    access_service = providers.Singleton(AccessService, audit)
    experiment_service = providers.Singleton(ExperimentService, audit)
    measure_service = providers.Singleton(MeasureService, storage, audit)
    change_service = providers.Singleton(ChangeService, storage, audit)
    summary_service = providers.Singleton(SummaryService, audit)
    measure_type_service = providers.Singleton(MeasureTypeService, audit)
    replaying_service = providers.Factory(
        IngestionService,
        storage,
        routing=rabbit_names.provided.routing,
        max_future=ingestion_configuration.provided.max_future,
    )
    quarantine_service = providers.Singleton(QuarantineService, storage, audit, replaying_service.provider)
    token_service = providers.Singleton(TokenService, audit, identity)
    ingestion_service = providers.Singleton(
        IngestionService,
        storage,
        routing=rabbit_configuration.provided.routing,
        max_future=ingestion_configuration.provided.max_future,
    )
    forgetting = providers.Singleton(
        Forgetting, storage, days=ingestion_configuration.provided.deduplication_days
    )
    demonstration = providers.Singleton(
        Demonstration, audit, ingestion_service, rabbit_configuration.provided.routing
    )

    health = providers.Singleton(Health, storage.provided.check_storing)
    ledger = providers.Singleton(Ledger, health.provided.is_ready)
    management = providers.Singleton(Management, rabbit_administration)
    broker_accounts = providers.Singleton(BrokerAccounts, management, rabbit_names)
    adapter_service = providers.Singleton(
        AdapterService, audit, broker_accounts, routing=rabbit_names.provided.routing
    )
    guard_health = providers.Singleton(Health, storage.provided.check)
    guard = providers.Singleton(
        Guard,
        storage,
        broker_accounts,
        adapter_service,
        guard_health,
        limit_mib=guard_configuration.provided.quarantine_limit_mib,
        routing=rabbit_names.provided.routing,
    )
    rabbit_connector = providers.Singleton(RabbitConnector, rabbit_configuration)
    rabbit_message_processor = providers.Singleton(RabbitMessageProcessor, ingestion_service)
    rabbit_listener = providers.Singleton(
        RabbitListener, rabbit_configuration, rabbit_connector, rabbit_message_processor, storage, health, ledger
    )

    streams = providers.Singleton(Streams, rest_configuration.provided.threads)
    rest_application = providers.Singleton(create_app)
    rest_listener = providers.Singleton(RestListener, rest_configuration)
