"""The plant's servers show the plant, take setpoints, and fail as they are told to."""

import asyncio
import struct
from pathlib import Path

import pytest
from asyncua import Client, ua
from bacpypes3.apdu import ErrorRejectAbortNack
from bacpypes3.app import Application
from bacpypes3.local.device import DeviceObject
from bacpypes3.local.networkport import NetworkPortObject
from bacpypes3.pdu import Address, IPv4Address
from bacpypes3.primitivedata import ObjectIdentifier
from snap7 import AsyncClient
from snap7.error import S7ProtocolError

from tidegate.opcua.certificate import own_certificate
from tidegate.simulators.bacnet_device import BacnetDevice, object_of
from tidegate.simulators.free_port import free_port_udp
from tidegate.simulators.opcua_server import OpcuaServer
from tidegate.simulators.plant import Plant
from tidegate.simulators.points import BY_PATH, POINTS
from tidegate.simulators.s7_server import S7Server, offset_of


def test_opc_ua_shows_the_plant_and_takes_a_setpoint(tmp_path: Path) -> None:
    async def scene() -> None:
        plant = Plant(seed=1)
        known, stranger = tmp_path / "known", tmp_path / "stranger"
        uri = "urn:tidegauge:test"
        certificate, key = own_certificate(known, "test", uri)
        other_certificate, other_key = own_certificate(stranger, "test", uri)
        assert key.stat().st_mode & 0o777 == 0o600
        trust = tmp_path / "trust"
        trust.mkdir()
        (trust / "test.der").write_bytes(certificate.read_bytes())
        async with OpcuaServer(
            plant, keys=tmp_path / "server", client_certificates=trust, dead=["heater"]
        ) as server:
            async with Client(server.url) as client:
                for path in ("tank.level_m", "pump.starts", "pump.running"):
                    data = await client.get_node(f"ns=2;s={path}").read_data_value()
                    assert data.Value.Value == pytest.approx(plant.measured[path])
                    assert data.SourceTimestamp
                dead = await client.get_node("ns=2;s=heater.power_kw").read_data_value(False)
                assert dead.StatusCode.name == "BadCommunicationError"
                setpoint = client.get_node("ns=2;s=valve.setpoint_percent")
                await setpoint.write_value(ua.DataValue(ua.Variant(12.5, ua.VariantType.Float)))
                assert plant.measured["valve.setpoint_percent"] == 12.5
                with pytest.raises(ua.uaerrors.BadOutOfRange):
                    await setpoint.write_value(
                        ua.DataValue(ua.Variant(120.0, ua.VariantType.Float))
                    )
                assert plant.measured["valve.setpoint_percent"] == 12.5
            secure = Client(server.url)
            secure.application_uri = uri
            await secure.set_security_string(f"Basic256Sha256,SignAndEncrypt,{certificate},{key}")
            async with secure:
                assert await secure.get_node("ns=2;s=pump.auto").read_value() is True
            refused = Client(server.url)
            refused.application_uri = uri
            await refused.set_security_string(
                f"Basic256Sha256,SignAndEncrypt,{other_certificate},{other_key}"
            )
            with pytest.raises(ua.uaerrors.BadCertificateUntrusted):
                await refused.connect()

    asyncio.run(scene())


def test_s7_shows_the_plant_takes_a_setpoint_and_has_no_block_of_dead_equipment() -> None:
    async def scene() -> None:
        plant = Plant(seed=1)
        async with S7Server(plant, dead=["heater"]) as server:
            client = AsyncClient()
            await client.connect("127.0.0.1", 0, 1, server.port)
            level = offset_of(BY_PATH["tank.level_m"])
            data = await client.db_read(level.block, level.byte, 4)
            assert struct.unpack(">f", data)[0] == pytest.approx(plant.measured["tank.level_m"])
            running = offset_of(BY_PATH["pump.running"])
            assert (await client.db_read(1, running.byte, 1))[0] >> running.bit & 1
            with pytest.raises(S7ProtocolError):
                await client.db_read(4, 0, 4)
            place = offset_of(BY_PATH["valve.setpoint_percent"])
            for wanted, kept in ((33.0, 33.0), (150.0, 33.0)):
                await client.db_write(place.block, place.byte, bytearray(struct.pack(">f", wanted)))
                await server.show()
                assert plant.measured["valve.setpoint_percent"] == kept
                data = await client.db_read(place.block, place.byte, 4)
                assert struct.unpack(">f", data)[0] == kept
            await client.disconnect()

    asyncio.run(scene())


def test_s7_addresses_are_aligned_and_do_not_overlap() -> None:
    taken: set[tuple[int, int, int]] = set()
    for point in POINTS:
        place = offset_of(point)
        size = 2 * point.registers
        bits = [(place.byte, place.bit)]
        if point.kind != "bool":
            assert place.byte % 2 == 0
            bits = [(place.byte + byte, bit) for byte in range(size) for bit in range(8)]
        for byte, bit in bits:
            assert (place.block, byte, bit) not in taken, point.path
            taken.add((place.block, byte, bit))
    assert offset_of(BY_PATH["tank.temperature_c"]).address(BY_PATH["tank.temperature_c"].kind) == (
        "DB2.DBD12:REAL"
    )


def test_bacnet_shows_the_plant_reports_changes_and_takes_a_setpoint() -> None:
    async def scene() -> None:
        plant = Plant(seed=1)
        async with BacnetDevice(plant, dead=["heater"]) as device:
            client = Application.from_object_list(
                [
                    DeviceObject(
                        objectIdentifier=ObjectIdentifier("device,999"),
                        objectName="test",
                        vendorIdentifier=999,
                    ),
                    NetworkPortObject(
                        IPv4Address(f"127.0.0.1/8:{free_port_udp()}"),
                        objectIdentifier=ObjectIdentifier("network-port,1"),
                        objectName="loopback",
                    ),
                ]
            )
            address = Address(f"127.0.0.1:{device.port}")
            level = object_of(BY_PATH["tank.level_m"])
            setpoint = object_of(BY_PATH["valve.setpoint_percent"])
            async with client.change_of_value(address, ObjectIdentifier(level), 1, True, 60) as cov:
                async with asyncio.timeout(5):
                    _, first = await cov.get_value()
                    await cov.get_value()
                    plant.advance(30)
                    await device.show()
                    _, second = await cov.get_value()
            assert second != first
            assert second == pytest.approx(plant.measured["tank.level_m"])
            flags = await client.read_property(
                address, object_of(BY_PATH["heater.power_kw"]), "status-flags"
            )
            assert list(flags) == [0, 1, 0, 0]
            await client.write_property(address, setpoint, "present-value", 33.0)
            await device.show()
            assert plant.measured["valve.setpoint_percent"] == 33.0
            await client.write_property(address, setpoint, "present-value", 150.0)
            await device.show()
            assert plant.measured["valve.setpoint_percent"] == 33.0
            with pytest.raises(ErrorRejectAbortNack, match="unknown-object"):
                await client.read_property(address, "analog-input,9999", "present-value")
            client.close()

    asyncio.run(scene())
