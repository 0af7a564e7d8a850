"""What sources are made of: the base class, those with a known d, spectra, waveforms and measured curves."""
