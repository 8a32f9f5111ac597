"""A model's C on emulated microcontrollers: flash, memory and instructions, beside another exporter's."""
