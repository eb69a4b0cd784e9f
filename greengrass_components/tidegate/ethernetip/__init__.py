"""EtherNet/IP: tags of Logix controllers."""
