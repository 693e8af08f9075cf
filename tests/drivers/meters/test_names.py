"""Names are promises: users' series and alerts hold them. New ones are added here; none is ever taken away or renamed."""

from drivers import meters

REGISTERS = frozenset(
    """
    active_tariff alarm_count alarm_date battery_voltage dust_level installation_date removal_count removal_date
    removal_duration test_date apparent_power apparent_power_l1 apparent_power_l2 apparent_power_l3 battery_remaining
    co2_concentration current_l1 current_l2 current_l3 current_transformer_ratio energy_backward energy_backward_partial
    energy_forward energy_forward_partial error_flags frequency heat_cost_of_half_month manufacturer_5f operating_time
    operating_time_in_error phase_angle_deg phase_angle_deg_l1 phase_angle_deg_l2 phase_angle_deg_l3 power power_demand
    power_demand_maximum power_fail_count power_factor power_factor_l1 power_factor_l2 power_factor_l3 power_l1 power_l2 power_l3 quadrant quadrant_l1
    quadrant_l2 quadrant_l3 reactive_energy_backward reactive_energy_backward_partial reactive_energy_forward
    reactive_energy_forward_partial reactive_power reactive_power_l1 reactive_power_l2 reactive_power_l3 status_byte
    test_count voltage_l1 voltage_l1_l2 voltage_l2 voltage_l2_l3 voltage_l3 voltage_l3_l1 volume_times_flow_temperature
    volume volume_times_return_temperature
    """.split()  # noqa: SIM905  a list of 60 strings is longer and says no more
)

CODES = frozenset(
    {
        *(
            "alarm",
            "application busy",
            "application error",
            "backflow",
            "battery low",
            "blocked",
            "burst",
            "calibration",
        ),
        *("clock error", "communication error", "configuration error", "dirty", "disconnected", "dry", "end of life"),
        *(
            "external alarm",
            "frost",
            "hardware error",
            "information",
            "installed backwards",
            "leak",
            "light",
            "magnetic field",
            "memory error",
        ),
        *(
            "no flow",
            "obstacle",
            "open",
            "out of range",
            "over flow",
            "over range",
            "overheat",
            "overload",
            "oversized",
        ),
        "away",
        *("permanent error", "polarity", "power fail", "power low", "pressure", "removed", "reset", "sensor error"),
        *("sensor open", "sensor short", "smoke", "submerged", "tamper", "temporary error", "test", "under flow"),
        *("under range", "undersized"),
    }
)


def test_a_published_register_keeps_its_name() -> None:
    models = [meters.read(name)[1] for name in meters.files()]
    named = {rule.name for model in models for _, rule in model.rules}
    assert named | {field.name for model in models for field in model.fields} == REGISTERS


def test_a_published_status_code_keeps_its_name() -> None:
    assert meters.codes() == CODES
